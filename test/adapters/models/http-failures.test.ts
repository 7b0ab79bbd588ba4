import { expect, test } from "@jest/globals";
import { httpFailure } from "../../../adapters/models/http-failures.js";
import { retryAfterMs } from "../../../adapters/models/retry-after.js";

test.each([
  // status, words, kind, billed
  [200, "cut", "retry", "unknown"],
  [301, "moved", "never", "none"],
  [400, "no such parameter", "never", "none"],
  [401, "who are you", "never", "none"],
  [402, "pay first", "never", "none"],
  [403, "not you", "never", "none"],
  [404, "no such model", "unknown-model", "none"],
  [408, "too slow", "retry", "none"],
  [409, "conflict", "retry", "none"],
  [413, "too large", "context", "none"],
  [422, "no", "never", "none"],
  [429, "slow down", "retry", "none"],
  [429, "You exceeded your current quota (insufficient_quota)", "never", "none"],
  [429, "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 50000", "context", "none"],
  [500, "broken", "retry", "none"],
  [502, "bad gateway", "retry", "none"],
  [503, "later", "retry", "none"],
  [504, "gateway time-out", "retry", "unknown"],
  [520, "an empty answer", "retry", "unknown"],
  [522, "connection timed out", "retry", "unknown"],
  [524, "a time-out occurred", "retry", "unknown"],
  [529, "overloaded", "retry", "none"],
])("%d %j is %s, billed %s", (status, message, kind, billed) => {
  expect(httpFailure({ status, message })).toMatchObject({ name: "ModelCallFailed", status, message, kind, billed });
});

test.each([
  "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
  "Your input exceeds the context window of this model.",
  "context_length_exceeded",
  "prompt is too long: 210000 tokens > 200000 maximum",
  "input length and `max_tokens` exceed context limit: 198000 + 8192 > 200000",
  "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
  "the request exceeds the available context size, try increasing it",
])("a 400 that says %j is a prompt that is too long, wherever it is said", (words) => {
  expect(httpFailure({ status: 400, message: words })).toMatchObject({ kind: "context", billed: "none" });
  expect(
    httpFailure({ status: 400, message: "Bad Request", body: `{"error":{"message":${JSON.stringify(words)}}}` }),
  ).toMatchObject({
    kind: "context",
  });
  expect(httpFailure({ status: 500, message: words })).toMatchObject({ kind: "retry" });
});

test("what was counted before the end is a known bill", () => {
  const usage = { inputTokens: 5, outputTokens: 1, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
  expect(httpFailure({ status: 200, message: "cut", usage })).toMatchObject({ kind: "retry", billed: "known", usage });
  expect(httpFailure({ status: 429, message: "later", retryAfterMs: 70 })).toMatchObject({ retryAfterMs: 70 });
});

const NOW = new Date("2026-11-25T00:00:00Z");

test.each([
  [{}, undefined, undefined],
  [{ "retry-after": "7" }, undefined, 7_000],
  [{ "retry-after": "0" }, undefined, 0],
  [{ "retry-after": "0.25" }, undefined, 250],
  [{ "retry-after": "Wed, 25 Nov 2026 00:00:30 GMT" }, undefined, 30_000],
  [{ "retry-after": "Tue, 24 Nov 2026 00:00:00 GMT" }, undefined, 0],
  [{ "retry-after": "soon" }, undefined, undefined],
  [{ "retry-after": "-5" }, undefined, undefined],
  [{ "retry-after-ms": "120.4", "retry-after": "7" }, undefined, 121],
  [{ "retry-after-ms": "x", "retry-after": "7" }, undefined, undefined],
  [{}, '{"error":{"details":[{"@type":"RetryInfo","retryDelay":"34s"}]}}', 34_000],
  [{ "retry-after": "7" }, '{"retryDelay":"34s"}', 7_000],
  [{}, "Bad gateway", undefined],
] as [Record<string, string>, string | undefined, number | undefined][])(
  "the wish in %j and the body %j is %j milliseconds",
  (headers, body, ms) => {
    expect(retryAfterMs({ headers: new Headers(headers), body }, NOW)).toBe(ms);
  },
);

test("without a head there is no wish", () => {
  expect(retryAfterMs({ headers: undefined }, NOW)).toBeUndefined();
});

import { expect, test } from "@jest/globals";
import { createMemoryRateLimiter } from "../../../adapters/memory/rate-limiter.js";
import { type RateLimits, withRateLimits } from "../../../adapters/models/rate-limits.js";
import { NO_USAGE } from "../../../core/usage.js";
import { ModelCallFailed, type ModelRequest } from "../../../ports/models.js";
import { plainModels, type Say } from "../../harness/plain-models.js";

const QUESTION: ModelRequest = {
  model: "plain/one",
  instructions: "x".repeat(3_900),
  messages: [],
  tools: [],
  maxOutputTokens: 100,
  turn: 1,
  attempt: 1,
  conversation: "run-1/x",
};

function limited(limit: RateLimits, say: Say = () => ({ text: "ok" })) {
  let nowMs = 0;
  const models = plainModels(say);
  const limiter = createMemoryRateLimiter(() => nowMs);
  const { call } = withRateLimits(models, { limiter, limits: new Map([["plain", limit]]) });
  const ask = async (model = "plain/one") =>
    await call({ ...QUESTION, model }, { signal: new AbortController().signal });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { models, ask, pass };
}

test("a call above the requests a minute is not sent, not billed, and says when there is room", async () => {
  const { models, ask, pass } = limited({ requestsPerMinute: 2 });
  await ask();
  await ask("plain/two");
  const refused = { name: "ModelCallFailed", kind: "retry", billed: "none", retryAfterMs: 30_000 };
  await expect(ask()).rejects.toMatchObject({ ...refused, message: expect.stringContaining("WFLO_RATE_LIMITS") });
  expect(models.requests).toHaveLength(2);
  pass(30_000);
  await ask();
});

test("tokens are taken by an estimate, and by the provider's count once that is known", async () => {
  const usage = { ...NO_USAGE, inputTokens: 2_000, outputTokens: 1_000 };
  const { ask, pass } = limited({ tokensPerMinute: 4_000 }, () => ({ text: "ok", usage }));
  await ask();
  await ask();
  // The estimate alone (about 1,000) would leave 2,000; counted were 6,000: 2,000 are owed and 1,000 wanted.
  await expect(ask()).rejects.toMatchObject({ retryAfterMs: expect.any(Number) });
  pass(30_000);
  await expect(ask()).rejects.toMatchObject({ billed: "none" });
  pass(16_000);
  await ask();
});

test("what was provably not billed gives its tokens back", async () => {
  const { models, ask } = limited({ tokensPerMinute: 1_500 }, () => {
    if (models.requests.length < 4) throw new ModelCallFailed("429", { kind: "retry", billed: "none" });
    return { text: "ok" };
  });
  for (let n = 0; n < 3; n += 1) await expect(ask()).rejects.toThrow("429");
  await ask();
});

test("a provider without a limit is asked as often as it is", async () => {
  const models = plainModels(() => ({ text: "ok" }));
  const { call } = withRateLimits(models, { limiter: createMemoryRateLimiter(), limits: new Map() });
  for (let n = 0; n < 20; n += 1) await call(QUESTION, { signal: new AbortController().signal });
  expect(models.requests).toHaveLength(20);
});

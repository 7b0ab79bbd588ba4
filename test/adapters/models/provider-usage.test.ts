import { LLMock } from "@copilotkit/aimock";
import { afterEach, expect, test } from "@jest/globals";
import { usageOf } from "../../../adapters/models/provider-usage.js";
import { asking, attempt, modelsAt } from "./asking.js";
import { type MockProvider, startMockProvider } from "./mock-provider.js";
import { anthropicAnswer, chatAnswer, googleAnswer, openaiAnswer } from "./native-answers.js";

/* Native counts: cached, written and reasoning tokens, which the mock servers of others leave out. */

let server: MockProvider | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const CHAT_USAGE = {
  prompt_tokens: 900,
  completion_tokens: 80,
  prompt_tokens_details: { cached_tokens: 512, cache_write_tokens: 128 },
  completion_tokens_details: { reasoning_tokens: 50 },
};

test.each([
  [
    "openai/gpt-5-mini",
    openaiAnswer("hello"),
    { inputTokens: 2_000, outputTokens: 300, cachedInputTokens: 1_024, cacheWriteTokens: 512, reasoningTokens: 200 },
  ],
  [
    "anthropic/claude-haiku-4-5",
    anthropicAnswer("hello"),
    { inputTokens: 2_000, outputTokens: 250, cachedInputTokens: 1_500, cacheWriteTokens: 400, reasoningTokens: 0 },
  ],
  [
    "google/gemini-2.5-flash",
    googleAnswer("hello"),
    { inputTokens: 3_000, outputTokens: 500, cachedInputTokens: 2_048, cacheWriteTokens: 0, reasoningTokens: 400 },
  ],
  [
    "openai-compatible/any",
    chatAnswer("hello", { usage: CHAT_USAGE }),
    { inputTokens: 900, outputTokens: 80, cachedInputTokens: 512, cacheWriteTokens: 128, reasoningTokens: 50 },
  ],
])("%s: totals include what was cached, written and thought, as it was counted", async (model, pieces, usage) => {
  server = await startMockProvider(() => ({ pieces }));
  const answer = await attempt(modelsAt(server.url), asking(model, "hi"));
  expect(answer).toMatchObject({ text: "hello", usage });
  expect(answer.rawUsage).toEqual(expect.any(Object));
});

/** An answer whose usage says more. */
const withMore = (pieces: readonly string[], after: RegExp, more: object) =>
  pieces.map((piece) => piece.replace(after, (found) => `${JSON.stringify(more).slice(1, -1)},${found}`));

test.each<[string, readonly string[], object]>([
  [
    "anthropic/claude-haiku-4-5",
    withMore(anthropicAnswer("hello"), /"cache_creation_input_tokens"/g, {
      cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 100 },
      server_tool_use: { web_search_requests: 2 },
    }),
    { cacheWriteTokens: 400, cacheWrite1hTokens: 100, webSearches: 2 },
  ],
  [
    "google/gemini-2.5-flash",
    withMore(googleAnswer("hello"), /"promptTokenCount"/, {
      promptTokensDetails: [
        { modality: "TEXT", tokenCount: 2_600 },
        { modality: "AUDIO", tokenCount: 250 },
        { modality: "IMAGE", tokenCount: 150 },
      ],
      candidatesTokensDetails: [{ modality: "IMAGE", tokenCount: 90 }],
    }),
    { inputTokens: 3_000, audioInputTokens: 250, imageInputTokens: 150, outputTokens: 500, imageOutputTokens: 90 },
  ],
  [
    "openai-compatible/any",
    chatAnswer("hello", {
      usage: {
        ...CHAT_USAGE,
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 700 },
        completion_tokens_details: { audio_tokens: 9_999 },
      },
    }),
    { inputTokens: 900, audioInputTokens: 700, outputTokens: 80, audioOutputTokens: 80 },
  ],
])("%s: what has a price of its own is told apart", async (model, pieces, usage) => {
  server = await startMockProvider(() => ({ pieces }));
  expect((await attempt(modelsAt(server.url), asking(model, "hi"))).usage).toMatchObject(usage);
});

test("an answer of a server that counts nothing has no usage", async () => {
  server = await startMockProvider(() => ({ pieces: chatAnswer("hello") }));
  expect(await attempt(modelsAt(server.url), asking("openai-compatible/any", "hi"))).not.toHaveProperty("usage");
  await server.stop();
  server = await startMockProvider(() => ({ pieces: openaiAnswer("hello", { input_tokens: 0, output_tokens: 0 }) }));
  expect(await attempt(modelsAt(server.url), asking("openai/gpt-5-mini", "hi"))).not.toHaveProperty("usage");
});

test("counts of a router pass through it (aimock's OpenRouter route)", async () => {
  const mock = new LLMock({ port: 0 });
  mock.onMessage("hi", { content: "hello", usage: CHAT_USAGE });
  await mock.start();
  try {
    const models = modelsAt(mock.url, { paths: { compatible: "/api/v1" } });
    expect((await attempt(models, asking("openai-compatible/openai/gpt-4o", "hi"))).usage).toEqual({
      inputTokens: 900,
      outputTokens: 80,
      cachedInputTokens: 512,
      cacheWriteTokens: 128,
      reasoningTokens: 50,
    });
    expect(mock.getLastRequest()?.body).toMatchObject({
      model: "openai/gpt-4o",
      stream_options: { include_usage: true },
    });
  } finally {
    await mock.stop();
  }
});

const counted = (input: object, output: object) =>
  ({ inputTokens: { noCache: undefined, ...input }, outputTokens: { text: undefined, ...output } }) as never;

test.each([
  ["no input", counted({ total: undefined }, { total: 5 })],
  ["zero input", counted({ total: 0 }, { total: 5 })],
  ["no output", counted({ total: 5 }, { total: undefined })],
  ["zero output of an answer that is not empty", counted({ total: 5 }, { total: 0 })],
  ["a count that is no whole number", counted({ total: 5.5 }, { total: 5 })],
  ["a count below zero", counted({ total: -5 }, { total: 5 })],
])("%s is no usage", (_, usage) => {
  expect(usageOf(usage, false)).toBeUndefined();
});

test("parts are never more than their total, whatever a server says", () => {
  const usage = usageOf(counted({ total: 10, cacheRead: 8, cacheWrite: 8 }, { total: 5, reasoning: 9 }), false);
  expect(usage).toEqual({
    inputTokens: 10,
    outputTokens: 5,
    cachedInputTokens: 8,
    cacheWriteTokens: 2,
    reasoningTokens: 5,
  });
});

test("an empty answer may have cost no output", () => {
  expect(usageOf(counted({ total: 10 }, { total: 0 }), true)).toMatchObject({ inputTokens: 10, outputTokens: 0 });
});

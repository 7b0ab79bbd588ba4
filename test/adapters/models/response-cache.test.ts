import { describe, expect, test } from "@jest/globals";
import { createMemoryResponseCache } from "../../../adapters/memory/response-cache.js";
import { withResponseCache } from "../../../adapters/models/response-cache.js";
import { type ModelAnswer, ModelCallFailed, type ModelRequest } from "../../../ports/models.js";
import type { ResponseCache } from "../../../ports/response-cache.js";
import { deferred } from "../../harness/deferred.js";
import { plainModels, type Say } from "../../harness/plain-models.js";

const QUESTION: ModelRequest = {
  model: "plain/one",
  instructions: "Be brief.",
  messages: [{ role: "user", text: "hi", turn: 1 }],
  tools: [],
  maxOutputTokens: 100,
  turn: 1,
  attempt: 1,
  conversation: "run-1/x",
  cache: { ttlMs: 60_000, scope: "default/acme" },
};

function cached(say: Say, cache: ResponseCache = createMemoryResponseCache()) {
  const models = plainModels(say);
  const counts: string[] = [];
  const meters = {
    count: (_name: string, { result = "" }) => void counts.push(result),
    observe: () => {},
    set: () => {},
  };
  const { call } = withResponseCache(models, { cache, meters });
  const ask = async (more: Partial<ModelRequest> = {}, signal = new AbortController().signal) =>
    await call({ ...QUESTION, ...more }, { signal });
  return { models, ask, counts, call };
}

describe("the same question", () => {
  test("is asked once, also by another run, turn and attempt; the words are streamed again", async () => {
    const { models, ask, counts, call } = cached(() => ({ text: "hello" }));
    expect(await ask()).not.toHaveProperty("fromCache");
    const other = {
      turn: 7,
      attempt: 2,
      conversation: "run-2/y",
      messages: [{ role: "user", text: "hi", turn: 7 }],
    } as const;
    const first = models.requests.length;
    expect(await ask(other)).toMatchObject({ text: "hello", fromCache: true, usage: { inputTokens: 1_000 } });
    const words: string[] = [];
    await call(QUESTION, { signal: new AbortController().signal, onDelta: (text) => words.push(text) });
    expect([first, models.requests.length, words, counts]).toEqual([1, 1, ["hello"], ["miss", "hit", "hit"]]);
  });

  test.each<[string, Partial<ModelRequest>]>([
    ["another model", { model: "plain/two" }],
    ["other instructions", { instructions: "Be long." }],
    ["other words", { messages: [{ role: "user", text: "hi!", turn: 1 }] }],
    ["another speaker", { messages: [{ role: "user", text: "hi", turn: 1, by: "ana" }] }],
    ["another tool", { tools: [{ name: "t", description: "d", inputSchema: {} }] }],
    ["another cap", { maxOutputTokens: 101 }],
    ["another temperature", { temperature: 0 }],
    ["another account", { cache: { ttlMs: 60_000, scope: "default/other" } }],
  ])("is another one with %s", async (_, more) => {
    const { models, ask } = cached(() => ({ text: "hello" }));
    await ask();
    await ask(more);
    expect(models.requests).toHaveLength(2);
  });

  test("is always asked where the agent has no cache", async () => {
    const { models, call, counts } = cached(() => ({ text: "hello" }));
    const { cache: _cache, ...plain } = QUESTION;
    for (let n = 0; n < 2; n += 1) await call(plain, { signal: new AbortController().signal });
    expect([models.requests.length, counts]).toEqual([2, []]);
  });

  test("is asked once by fifty at once, who all have its answer", async () => {
    const gate = deferred();
    const { models, ask } = cached(async () => {
      await gate.promise;
      return { text: "hello" };
    });
    const asking = Array.from({ length: 50 }, async () => await ask());
    gate.resolve();
    const answers = await Promise.all(asking);
    expect(answers.map(({ text }) => text)).toEqual(Array(50).fill("hello"));
    expect(answers.filter(({ fromCache }) => !fromCache)).toHaveLength(1);
    expect(models.requests).toHaveLength(1);
  });

  test("who waits for another's answer stops when the run says so, and was not billed", async () => {
    const gate = deferred();
    const { ask } = cached(async () => {
      await gate.promise;
      return { text: "hello" };
    });
    const first = ask();
    const cut = new AbortController();
    const second = ask({}, cut.signal);
    cut.abort();
    await expect(second).rejects.toMatchObject({ kind: "cancelled", billed: "none" });
    gate.resolve();
    await first;
  });
});

describe("never kept is", () => {
  const noUsage = { text: "hello", usage: undefined as never };
  test.each<[string, Partial<ModelAnswer>]>([
    ["an answer that was cut at its cap", { text: "hel", finishReason: "length" }],
    ["a refusal", { text: "", finishReason: "content-filter" }],
    ["an answer that ended in no known way", { text: "hel", finishReason: "other" }],
    ["an answer without a count", noUsage],
  ])("%s", async (_, answer) => {
    const { models, ask } = cached(() => answer);
    for (let n = 0; n < 2; n += 1) expect(await ask()).not.toHaveProperty("fromCache");
    expect(models.requests).toHaveLength(2);
  });

  test("an error: the next one asks at once", async () => {
    const { models, ask } = cached(() => {
      if (models.requests.length === 1) throw new ModelCallFailed("cut", { kind: "retry", billed: "unknown" });
      return { text: "hello" };
    });
    await expect(ask()).rejects.toThrow("cut");
    expect(await ask()).toMatchObject({ text: "hello" });
  });
});

test("a cache that is away costs nothing but its answers", async () => {
  const nothing = async () => {};
  const away: ResponseCache = { look: async () => ({ kind: "away" }), keep: nothing, renew: nothing, giveUp: nothing };
  const { models, ask, counts } = cached(() => ({ text: "hello" }), away);
  await ask();
  await ask();
  expect([models.requests.length, counts]).toEqual([2, ["away", "away"]]);
});

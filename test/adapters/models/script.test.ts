import { expect, test } from "@jest/globals";
import { parseScript } from "../../../adapters/models/script.js";

const turn = (fields: object) => ({ turns: [fields] });
const problemsOf = (value: unknown) => (parseScript(value) as { problems?: readonly string[] }).problems;

test("a script has everything that the contract says, and defaults for the rest", () => {
  const script = {
    model: "openai/gpt-4o-mini",
    turns: [
      {
        text: "hi",
        toolCalls: [{ name: "look", args: { at: 1 } }],
        usage: { inputTokens: 10, outputTokens: 5, cachedInputTokens: 4, cacheWriteTokens: 3, reasoningTokens: 2 },
        delayMs: 20,
        when: { lastMessageIncludes: "weather" },
      },
      { error: { status: 429, retryAfterMs: 70, message: "later" } },
      {},
    ],
  };
  expect(parseScript(script)).toEqual({
    model: "openai/gpt-4o-mini",
    turns: [
      {
        text: "hi",
        toolCalls: [{ name: "look", args: { at: 1 } }],
        usage: { inputTokens: 10, outputTokens: 5, cachedInputTokens: 4, cacheWriteTokens: 3, reasoningTokens: 2 },
        delayMs: 20,
        lastMessageIncludes: "weather",
      },
      { text: "", toolCalls: [], delayMs: 0, error: { status: 429, retryAfterMs: 70, message: "later" } },
      { text: "", toolCalls: [], delayMs: 0 },
    ],
  });
});

test.each([
  [{ turns: [{ text: "hi", mood: "good" }], comment: "mine" }],
  [{ turns: [{ text: null, toolCalls: null, usage: null, delayMs: null, error: null, when: null }] }],
  [{ turns: [{ usage: { inputTokens: 1, outputTokens: 0 } }] }],
  [{ turns: [{ toolCalls: [{ name: "look" }] }] }],
  [{ turns: [{ finishReason: "length" }] }],
])("unknown fields are ignored, and what is null or missing is not given (case %#)", (script) => {
  expect(problemsOf(script)).toBeUndefined();
});

test.each([
  [null, "a script must be an object with a list of turns"],
  ["turns", "a script must be an object with a list of turns"],
  [[], "a script must be an object with a list of turns"],
  [{}, "turns: must be a list of at least one turn, not undefined"],
  [{ turns: [] }, "turns: must be a list of at least one turn, not a list of 0"],
  [{ turns: { text: "hi" } }, "turns: must be a list of at least one turn, not an object"],
  [{ turns: ["hi"] }, 'turns[0]: must be an object, not "hi"'],
  [{ turns: [{}, null] }, "turns[1]: must be an object, not null"],
  [{ turns: [{}], model: "gpt-4o" }, 'model: must be "provider/model", not "gpt-4o"'],
  [{ turns: [{}], model: 7 }, 'model: must be "provider/model", not 7'],
  [{ turns: [{}], model: "scripted/other" }, "model: must be the model whose prices apply, not a script"],
  [turn({ text: 7 }), "turns[0].text: must be a text, not 7"],
  [turn({ text: ["hi"] }), "turns[0].text: must be a text, not a list of 1"],
  [turn({ toolCalls: {} }), "turns[0].toolCalls: must be a list, not an object"],
  [turn({ toolCalls: ["look"] }), 'turns[0].toolCalls[0]: must be an object, not "look"'],
  [turn({ toolCalls: [{ args: {} }] }), "turns[0].toolCalls[0].name: is missing; it must be a text that is not empty"],
  [turn({ toolCalls: [{ name: "" }] }), 'turns[0].toolCalls[0].name: must be a text that is not empty, not ""'],
  [turn({ toolCalls: [{ name: "a", args: "x" }] }), 'turns[0].toolCalls[0].args: must be an object, not "x"'],
  [turn({ toolCalls: [{ name: "a", args: [1] }] }), "turns[0].toolCalls[0].args: must be an object, not a list of 1"],
  [turn({ usage: 7 }), "turns[0].usage: must be an object, not 7"],
  [turn({ usage: { outputTokens: 1 } }), "turns[0].usage.inputTokens: is missing"],
  [turn({ usage: { inputTokens: 1 } }), "turns[0].usage.outputTokens: is missing"],
  [
    turn({ usage: { inputTokens: 1.5, outputTokens: 1 } }),
    "turns[0].usage.inputTokens: must be a whole number from 0 to 1000000000, not 1.5",
  ],
  [
    turn({ usage: { inputTokens: 1, outputTokens: -1 } }),
    "turns[0].usage.outputTokens: must be a whole number from 0 to 1000000000, not -1",
  ],
  [
    turn({ usage: { inputTokens: 1, outputTokens: 1, cachedInputTokens: "1" } }),
    'turns[0].usage.cachedInputTokens: must be a whole number from 0 to 1000000000, not "1"',
  ],
  [
    turn({ usage: { inputTokens: 1, outputTokens: 1, cacheWriteTokens: -1 } }),
    "turns[0].usage.cacheWriteTokens: must be a whole number from 0 to 1000000000, not -1",
  ],
  [
    turn({ usage: { inputTokens: 1, outputTokens: 1, reasoningTokens: 1e12 } }),
    "turns[0].usage.reasoningTokens: must be a whole number from 0 to 1000000000, not 1000000000000",
  ],
  [
    turn({ usage: { inputTokens: 5, outputTokens: 1, cachedInputTokens: 4, cacheWriteTokens: 2 } }),
    "turns[0].usage.inputTokens: includes cached and written tokens, so it must be at least 6",
  ],
  [
    turn({ usage: { inputTokens: 5, outputTokens: 1, reasoningTokens: 2 } }),
    "turns[0].usage.outputTokens: includes reasoning, so it must be at least 2",
  ],
  [turn({ delayMs: -1 }), "turns[0].delayMs: must be a whole number from 0 to 86400000, not -1"],
  [turn({ delayMs: "5s" }), 'turns[0].delayMs: must be a whole number from 0 to 86400000, not "5s"'],
  [turn({ error: 429 }), "turns[0].error: must be an object, not 429"],
  [turn({ error: {} }), "turns[0].error.status: is missing"],
  [turn({ error: { status: 100 } }), "turns[0].error.status: must be a whole number from 200 to 599, not 100"],
  [
    turn({ error: { status: 429, retryAfterMs: -1 } }),
    "turns[0].error.retryAfterMs: must be a whole number from 0 to 86400000, not -1",
  ],
  [turn({ error: { status: 429, message: 1 } }), "turns[0].error.message: must be a text, not 1"],
  [turn({ when: "x" }), 'turns[0].when: must be an object, not "x"'],
  [turn({ when: { lastMessageIncludes: 7 } }), "turns[0].when.lastMessageIncludes: must be a text, not 7"],
  [
    turn({ finishReason: "done" }),
    'turns[0].finishReason: must be one of stop, length, tool-calls, content-filter, other, not "done"',
  ],
])("a wrong value is named by its path, with what is accepted (case %#)", (script, problem) => {
  expect(problemsOf(script)).toEqual([problem]);
});

test("all that is wrong is said at once", () => {
  expect(problemsOf({ model: "x", turns: [{ text: 1 }, { error: {} }] })).toHaveLength(3);
});

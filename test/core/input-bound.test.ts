import { expect, test } from "@jest/globals";
import { firstBound, jsonBytes, messageBytes, nextBound } from "../../core/input-bound.js";

const OPENAI = { factor: 1, hidden: 64 };
const ANTHROPIC = { factor: 1.1, hidden: 1_100 };

test.each<[string, unknown, number]>([
  ["nothing", undefined, 0],
  ["text", "abc", 5],
  ["letters of two bytes", "éé", 6],
  ["letters that normalising joins count as they are", "e\u0301e\u0301", 8],
  ["syllables that normalising joins count as they are", "\u1112\u1161\u11ab", 11],
  ["letters that normalising takes apart count as they become", "\u{1D160}", 14],
  ["a half of a pair, as JSON writes it", "\ud83d", 8],
  ["a whole pair", "😀", 6],
])("bytes of %s", (_, value, bytes) => {
  expect(jsonBytes(value)).toBe(bytes);
});

test.each([
  [OPENAI, 0, 64],
  [OPENAI, 1_000, 1_064],
  [ANTHROPIC, 1_000, 2_200],
  [ANTHROPIC, 1, 1_102],
])("a first prompt by its bytes: %j, %d bytes, at most %d tokens", (bound, bytes, tokens) => {
  expect(firstBound(bound, bytes)).toBe(tokens);
});

test("the next prompt is bound by what the provider counted, what is new, and a frame for each message", () => {
  expect(nextBound(OPENAI, 5_000, 200, 2)).toBe(5_000 + 200 + 3 * 16);
  expect(nextBound(ANTHROPIC, 5_000, 205, 1)).toBe(5_000 + 226 + 2 * 16);
  expect(nextBound(OPENAI, 5_000, 0, 0)).toBe(5_016);
});

test("a message whose text is somewhere else has no bytes that are known here", () => {
  const said = { role: "user", text: "hello", turn: 1 } as const;
  const ref = { ref: `sha256:${"ab".repeat(32)}`, bytes: 5 } as const;
  expect(messageBytes([said])).toBe(jsonBytes([said]));
  expect(messageBytes([])).toBe(2);
  expect(messageBytes([said, { ...said, text: ref }])).toBeUndefined();
  const result = { role: "tool", toolResults: [{ id: "c1", name: "t", result: { ...ref } }], turn: 1 } as const;
  expect(messageBytes([result])).toBe(jsonBytes([result]));
});

import { expect, test } from "@jest/globals";
import { SUMMARY_WANTED, withoutOldResults, withSummary } from "../../core/compaction.js";
import type { Message } from "../../core/transcript.js";

const long = "x".repeat(1_000);
const user = (turn: number, text: string): Message => ({ role: "user", text, turn });
const asks = (turn: number): Message => ({
  role: "assistant",
  text: "",
  toolCalls: [{ id: `c${turn}`, name: "look", args: {} }],
  turn,
});
const results = (turn: number, ...values: string[]): Message => ({
  role: "tool",
  toolResults: values.map((result, index) => ({ id: `c${turn}-${index}`, name: "look", result })),
  turn,
});
const CONVERSATION = [
  user(1, "the task"),
  asks(1),
  results(1, long, "short"),
  asks(2),
  results(2, long),
  asks(3),
  results(3, long),
];

test("old results are left out, with their size; short ones, errors' kind and the last turns stay", () => {
  const failed: Message = { role: "tool", toolResults: [{ id: "e", name: "look", error: long }], turn: 1 };
  const view = withoutOldResults([...CONVERSATION.slice(0, 3), failed, ...CONVERSATION.slice(3)], 2);
  const [, , first, error] = view;
  expect(first?.toolResults).toEqual([
    { id: "c1-0", name: "look", result: expect.stringContaining("1002 bytes") },
    { id: "c1-1", name: "look", result: "short" },
  ]);
  expect(error?.toolResults).toEqual([{ id: "e", name: "look", error: expect.stringContaining("left out") }]);
  expect(view.slice(4)).toEqual(CONVERSATION.slice(3));
  expect(withoutOldResults(view, 2)).toEqual(view);
});

test("a summary takes the place of what is older; the task and the last turns stay word for word", () => {
  const asked = [user(4, SUMMARY_WANTED), { ...asks(4), text: "the gist" }];
  const view = withSummary([...CONVERSATION, user(4, "and be quick"), ...asked], {
    summary: "the gist",
    turn: 4,
    keepFromTurn: 3,
  });
  expect(view).toEqual([
    user(1, "the task"),
    { role: "user", text: expect.stringMatching(/^Summary of this conversation so far.*\n\nthe gist$/s), turn: 4 },
    asks(3),
    results(3, long),
    user(4, "and be quick"),
  ]);
});

test("the task is not said twice where it is among what stays", () => {
  const view = withSummary(CONVERSATION, { summary: "s", turn: 4, keepFromTurn: 1 });
  expect(view.filter(({ text }) => text === "the task")).toHaveLength(1);
});

import { expect, test } from "@jest/globals";
import { parseScript, type Script } from "../../../adapters/models/script.js";
import { chooseTurn, turnsThatCanPlay } from "../../../adapters/models/script-turns.js";
import type { Message } from "../../../core/transcript.js";
import { asking } from "./asking.js";

/* Letters are answers, numbers are errors: a turn's text, or its error's status. `x:A` plays where the last message has x. */

function scriptOf(words: string): Script {
  const turns = words.split(" ").map((word) => {
    const [, when, what] = /^(?:(\w+):)?(\w+)$/.exec(word) ?? [];
    const said = /^\d+$/.test(what ?? "") ? { error: { status: Number(what) } } : { text: what };
    return { ...said, ...(when === undefined ? {} : { when: { lastMessageIncludes: when } }) };
  });
  return parseScript({ turns }) as Script;
}

const played = (script: Script, turn: number, attempt: number, last: Message) => {
  const found = chooseTurn(script.turns, asking("scripted/x", "", { turn, attempt, messages: [last] }));
  return found && (found.error ? String(found.error.status) : found.text);
};
const says = (text: string): Message => ({ role: "user", text, turn: 1 });

/** What a run hears of its calls, each with so many attempts as it takes to get an answer. */
function callsOf(words: string, count: number, last = says("")): string {
  const calls = Array.from({ length: count }, (_, index) => {
    const heard: string[] = [];
    for (let attempt = 1; attempt <= 6; attempt += 1) {
      const what = played(scriptOf(words), index + 1, attempt, last);
      heard.push(what ?? "none");
      if (what === undefined || !/^\d+$/.test(what)) break;
    }
    return heard.join(" ");
  });
  return calls.join(" | ");
}

test.each([
  ["A", 3, "A | A | A"],
  ["A B", 3, "A | B | B"],
  ["A B C", 3, "A | B | C"],
  ["429 A", 2, "429 A | A"],
  ["A 429 B", 3, "A | 429 B | B"],
  ["A 429 500 B", 3, "A | 429 500 B | B"],
  ["429 A 500 B", 3, "429 A | 500 B | B"],
  ["A 429", 3, "A | 429 A | A"],
  ["A 429 500", 3, "A | 429 500 A | A"],
  ["429", 2, "429 429 429 429 429 429 | 429 429 429 429 429 429"],
])("%j: what %d calls hear: %s", (words, count, heard) => {
  expect(callsOf(words, count)).toBe(heard);
});

test.each([
  ["x:A", "has x", "A | A"],
  ["x:A", "has nothing", "none | none"],
  ["x:A B", "has x", "A | A"],
  ["B x:A", "has x", "A | A"],
  ["x:A B C", "has nothing", "B | C"],
  ["x:A y:B C", "has y", "B | B"],
  ["x:A y:B C", "has x and y", "A | A"],
  ["x:429 x:A B", "has x", "429 A | 429 A"],
  ["x:429 B C", "has x", "429 B | 429 C"],
  ["x:429 B 500 C", "has x", "429 B | 429 500 C"],
])("%j where the last message %s: %s", (words, said, heard) => {
  const last = says({ "has x": "an x", "has y": "a y", "has x and y": "x y" }[said] ?? "-");
  expect(callsOf(words, 2, last)).toBe(heard);
});

test.each<[string, Message, boolean]>([
  ["a user's text", says("the needle is here"), true],
  ["another text", says("nothing"), false],
  ["a tool's text", { role: "tool", toolResults: [{ id: "1", name: "t", result: 'a "needle" b' }], turn: 1 }, true],
  ["a tool's JSON", { role: "tool", toolResults: [{ id: "1", name: "t", result: { at: ["needle"] } }], turn: 1 }, true],
  [
    "the second of two results",
    {
      role: "tool",
      toolResults: [
        { id: "1", name: "t", result: 1 },
        { id: "2", name: "t", result: "needle" },
      ],
      turn: 1,
    },
    true,
  ],
  ["a tool's error", { role: "tool", toolResults: [{ id: "1", name: "t", error: "no needle" }], turn: 1 }, true],
  [
    "the beginning of a large text",
    { role: "user", text: { ref: `sha256:${"0".repeat(64)}`, preview: "needle…" }, turn: 1 },
    true,
  ],
  ["no text", { role: "tool", toolResults: [{ id: "1", name: "t" }], turn: 1 }, false],
])("`when` sees %s", (_, message, fits) => {
  expect(played(scriptOf("needle:A"), 1, 1, message)).toBe(fits ? "A" : undefined);
});

test("`when` looks at the last message only, and a call without messages fits none", () => {
  const messages = [says("needle"), says("hay")];
  expect(chooseTurn(scriptOf("needle:A B").turns, asking("scripted/x", "", { messages }))?.text).toBe("B");
  expect(chooseTurn(scriptOf("needle:A").turns, asking("scripted/x", "", { messages: [] }))).toBeUndefined();
});

test("an attempt that was lost elsewhere does not change what an answer is", () => {
  for (const attempt of [1, 2, 7]) expect(played(scriptOf("A B"), 2, attempt, says(""))).toBe("B");
});

test.each([
  ["A B C", 2, "B"],
  ["A B", 9, "B"],
  ["A 429 B", 2, "B"],
  ["x:A B C", 1, "A B"],
  ["x:A y:429 B", 5, "A B"],
])("of %j call %d can play %s", (words, call, playable) => {
  expect(
    turnsThatCanPlay(scriptOf(words).turns, call)
      .map(({ text }) => text)
      .join(" "),
  ).toBe(playable);
});

import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type Checked,
  checkDecision,
  checkMessage,
  checkReconcile,
  checkSteer,
  checkTerms,
  MESSAGE_BYTES,
} from "../../core/commands.js";

const REF = `sha256:${"ab".repeat(32)}`;

function problemsOf(checked: Checked<object>): readonly string[] {
  return "problems" in checked ? checked.problems : [];
}

test("budget terms are read: an amount more, a new limit, a freeze", () => {
  expect(checkTerms({ addUsd: "0.25", by: "ana", reason: "go on", id: "t1" })).toEqual({
    command: { addNanoUsd: 250_000_000, by: "ana", reason: "go on", id: "t1" },
  });
  expect(checkTerms({ limitUsd: 2, freeze: false, by: "ana" })).toEqual({
    command: { limitNanoUsd: 2_000_000_000, freeze: false, by: "ana" },
  });
});

test("a freeze counts even where nobody signs it", () => {
  expect(checkTerms({ freeze: true })).toEqual({ command: { freeze: true, by: "unknown" } });
  expect(checkTerms({ freeze: true, by: "" })).toEqual({ command: { freeze: true, by: "unknown" } });
});

test("a top-up by update takes an amount and a name, and nothing else", () => {
  expect(checkTerms({ addUsd: 1, by: "ana", freeze: true, limitUsd: "5" }, { addRequired: true })).toEqual({
    command: { addNanoUsd: 1_000_000_000, by: "ana" },
  });
});

test.each<[string, unknown, RegExp]>([
  ["addUsd", { addUsd: "1e400", by: "ana" }, /is not an amount of US dollars/],
  ["addUsd", { addUsd: -5, by: "ana" }, /is not an amount/],
  ["addUsd", { addUsd: "1", limitUsd: "2", by: "ana" }, /must not stand beside limitUsd/],
  ["limitUsd", { limitUsd: Number.NaN, by: "ana" }, /not NaN/],
  ["freeze", { freeze: "yes", by: "ana" }, /must be true or false, not "yes"/],
  ["by", { freeze: true, by: 5 }, /must be a text that is not empty, not 5/],
  ["reason", { freeze: true, reason: "x".repeat(4_001) }, /at most 4000 characters/],
  ["id", { freeze: true, id: { a: 1 } }, /not an object/],
  ["the payload", "freeze", /must be an object, not "freeze"/],
])("a wrong %s of a budget check is refused by its name (case %#)", (field, payload, message) => {
  const problems = problemsOf(checkTerms(payload));
  expect(problems).toEqual([expect.stringMatching(message)]);
  expect(problems[0]?.startsWith(`${field}: `)).toBe(true);
});

test.each<[string, unknown, RegExp]>([
  ["addUsd", { by: "ana" }, /is missing; it must be US dollars/],
  ["addUsd", { addUsd: null, by: "ana" }, /is missing/],
  ["by", { addUsd: "1" }, /is missing/],
  ["by", { addUsd: "1", by: "" }, /must be a text that is not empty/],
])("a top-up without %s is refused (case %#)", (field, payload, message) => {
  const problems = problemsOf(checkTerms(payload, { addRequired: true }));
  expect(problems).toEqual([expect.stringMatching(message)]);
  expect(problems[0]?.startsWith(`${field}: `)).toBe(true);
});

test("a decision is read with its comment, its arguments and what it is about", () => {
  const word = { gate: "g1", by: "ana", comment: "ok", args: { command: "ls" }, digest: REF };
  expect(checkDecision({ ...word, decision: "approve" })).toEqual({ command: { ...word, decision: "approve" } });
  expect(checkDecision(word, "reject")).toEqual({ command: { ...word, decision: "reject" } });
  expect(checkDecision({ gate: "g1", by: "ana", comment: "", args: null }, "approve")).toEqual({
    command: { gate: "g1", by: "ana", decision: "approve" },
  });
});

test("the signal's name decides, whatever its payload says", () => {
  expect(checkDecision({ gate: "g1", by: "ana", decision: "approve" }, "reject")).toMatchObject({
    command: { decision: "reject" },
  });
});

const word = { gate: "g1", decision: "approve", by: "ana" };

test.each<[string, unknown, RegExp]>([
  ["gate", { ...word, gate: undefined }, /is missing; it must be a gate's id such as g1/],
  ["gate", { ...word, gate: 1 }, /must be a gate's id such as g1, not 1/],
  ["decision", { ...word, decision: undefined }, /is missing; it must be approve or reject/],
  ["decision", { ...word, decision: null }, /is missing/],
  ["decision", { ...word, decision: "yes" }, /must be one of approve, reject, not "yes"/],
  ["by", { ...word, by: undefined }, /is missing; it must be the name of who decides/],
  ["by", { ...word, by: " " }, /must be the name of who decides/],
  ["by", { ...word, by: "x".repeat(201) }, /at most 200 characters/],
  ["comment", { ...word, comment: 5 }, /not 5/],
  ["comment", { ...word, comment: "x".repeat(16_001) }, /at most 16000 characters/],
  ["args", { ...word, args: "ls" }, /must be an object, not "ls"/],
  ["args", { ...word, args: ["ls"] }, /must be an object, not a list of 1/],
  ["args", { ...word, args: { command: "x".repeat(33_000) } }, /is larger than 32 KiB; put it into the blob store/],
  ["args", { ...word, args: { depth: Number.POSITIVE_INFINITY } }, /has the number Infinity/],
  ["digest", { ...word, digest: "sha256:abc" }, /must be the digest that the gate shows, not "sha256:abc"/],
  ["the payload", null, /must be an object, not null/],
  ["the payload", [word], /must be an object, not a list of 1/],
])("a wrong %s of a decision is refused by its name (case %#)", (field, payload, message) => {
  const problems = problemsOf(checkDecision(payload));
  expect(problems).toEqual([expect.stringMatching(message)]);
  expect(problems[0]?.startsWith(`${field}: `)).toBe(true);
});

test("a message is a text of up to 256 KiB, or where it is", () => {
  expect(checkMessage({ text: "hello", by: "ana", id: "m1" })).toEqual({
    command: { text: "hello", by: "ana", id: "m1" },
  });
  expect(checkMessage({ text: { ref: REF, bytes: 5, preview: "h" } })).toEqual({ command: { text: { ref: REF } } });
  expect(checkMessage({ text: "x".repeat(MESSAGE_BYTES) })).toHaveProperty("command");
});

test.each<[string, unknown, RegExp]>([
  ["text", {}, /is missing/],
  ["text", { text: "" }, /must not be empty/],
  ["text", { text: 5 }, /must be a text or/],
  ["text", { text: "x".repeat(MESSAGE_BYTES + 1) }, /is larger than 256 KiB; put it into the blob store and send/],
  ["text", { text: "€".repeat(MESSAGE_BYTES / 2) }, /is larger than 256 KiB/],
  ["text", { text: { ref: "file:///etc/passwd" } }, /must be a text or/],
  ["by", { text: "hello", by: [] }, /not a list of 0/],
  ["id", { text: "hello", id: "x".repeat(501) }, /at most 500 characters/],
  ["the payload", "hello", /must be an object, not "hello"/],
])("a wrong %s of a message is refused by its name (case %#)", (field, payload, message) => {
  const problems = problemsOf(checkMessage(payload));
  expect(problems).toEqual([expect.stringMatching(message)]);
  expect(problems[0]?.startsWith(`${field}: `)).toBe(true);
});

test("pause and resume take a name, or nothing at all", () => {
  expect(checkSteer(undefined)).toEqual({ command: {} });
  expect(checkSteer(null)).toEqual({ command: {} });
  expect(checkSteer({})).toEqual({ command: {} });
  expect(checkSteer({ by: "" })).toEqual({ command: {} });
  expect(checkSteer({ by: "ana" })).toEqual({ command: { by: "ana" } });
  expect(problemsOf(checkSteer({ by: 5 }))).toEqual(["by: must be a text that is not empty, not 5"]);
  expect(problemsOf(checkSteer("ana"))).toEqual(['the payload: must be an object, not "ana"']);
});

test("whatever a command carries, its check gives a command or problems, and never throws", () => {
  const names = [
    "addUsd",
    "limitUsd",
    "freeze",
    "by",
    "reason",
    "id",
    "gate",
    "decision",
    "comment",
    "args",
    "digest",
    "text",
  ];
  const anyPayload = fc.oneof(fc.anything(), fc.dictionary(fc.constantFrom(...names), fc.anything()));
  fc.assert(
    fc.property(anyPayload, (payload) => {
      for (const checked of [checkTerms(payload), checkDecision(payload), checkMessage(payload), checkSteer(payload)]) {
        if ("problems" in checked) expect(checked.problems.length).toBeGreaterThan(0);
      }
    }),
    { numRuns: 2_000 },
  );
});

const counts = { inputTokens: 1, outputTokens: 2 };

test("a reconciliation may say what was counted, or by leaving it out that nothing was billed", () => {
  const attempts = [{ attempt: "t3.a1", usage: counts, requestId: "req-1" }, { attempt: "t4.a2" }];
  expect(checkReconcile({ attempts, by: "ana", id: "x" })).toMatchObject({ command: { attempts, by: "ana", id: "x" } });
});

test.each<[string, unknown, RegExp]>([
  ["no attempts", { by: "ana" }, /^attempts: must be a list of 1 to 50/],
  ["an empty list", { attempts: [], by: "ana" }, /^attempts: must be a list/],
  ["too many", { attempts: Array(51).fill({ attempt: "t1.a1" }), by: "ana" }, /^attempts: must be a list/],
  ["nobody who says so", { attempts: [{ attempt: "t1.a1" }] }, /^by: /],
  [
    "no attempt's name",
    { attempts: [{ attempt: "__proto__" }], by: "ana" },
    /^attempts\[0\]\.attempt: must be an attempt/,
  ],
  ["nothing in the list", { attempts: [null], by: "ana" }, /^attempts\[0\]\.attempt: /],
  [
    "less than no tokens",
    { attempts: [{ attempt: "t1.a1", usage: { ...counts, inputTokens: -1 } }], by: "ana" },
    /usage\.inputTokens: /,
  ],
  [
    "a part of a token",
    { attempts: [{ attempt: "t1.a1", usage: { ...counts, cachedInputTokens: 0.5 } }], by: "ana" },
    /usage\.cachedInputTokens: /,
  ],
  ["no output", { attempts: [{ attempt: "t1.a1", usage: { inputTokens: 1 } }], by: "ana" }, /usage\.outputTokens: /],
])("a reconciliation with %s is refused by the field's name", (_, payload, message) => {
  expect(problemsOf(checkReconcile(payload)).join("\n")).toMatch(message);
});

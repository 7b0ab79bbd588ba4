import { describe, expect, test } from "@jest/globals";
import {
  builtInAction,
  decideTrigger,
  isTopic,
  isTriggerName,
  readEvent,
  triggeredWorkflowId,
} from "../../core/trigger.js";

const AGENTS = new Set(["helper"]);
const decide = (key: unknown, action: unknown) => decideTrigger({ name: "orders", key, action }, AGENTS);
const run = { agent: "helper", input: "hi" };

describe("an event that starts a run", () => {
  test("its id is the trigger's name and the event's key", () => {
    expect(decide("o:1/ü", run)).toEqual({ kind: "start", workflowId: "trigger:orders:o:1/ü", request: run });
    expect(triggeredWorkflowId("a.b", "c")).toBe("trigger:a.b:c");
  });

  test.each([
    [7, /key: must be a text, not 7/],
    [undefined, /key: must be a text/],
    ["", /1 to 850 bytes/],
    ["  ", /1 to 850 bytes/],
    ["a\nb", /control characters/],
    ["\ud800", /control characters/],
    ["ü".repeat(426), /1 to 850 bytes/],
  ])("the key %j is refused", (key, problem) => {
    expect(decide(key, run)).toEqual({ kind: "refused", problems: [expect.stringMatching(problem)] });
  });

  test("the longest key fits an id", () => {
    expect(decide("k".repeat(850), run)).toMatchObject({ kind: "start" });
  });

  test.each([
    [null, /the input: must be one object/],
    ["text", /the input: must be one object/],
    [{ agent: "helper" }, /input: is missing/],
    [{ agent: "nobody", input: "hi" }, /agent: there is no agent "nobody" here; there are helper/],
    [{ ...run, budget: { limitUsd: "x" } }, /budget\.limitUsd/],
    [{ ...run, model: "scripted//etc/passwd" }, /names a file/],
    [{ ...run, model: "scripted/../../x" }, /names a file/],
    [{ ...run, models: ["openai/gpt-6-luna", "scripted/C:\\x"] }, /names a file/],
  ])("%j is refused", (action, problem) => {
    expect(decide("k", action)).toEqual({ kind: "refused", problems: [expect.stringMatching(problem)] });
  });

  test("a scripted model by its name is no file", () => {
    expect(decide("k", { ...run, model: "scripted/some/name" })).toMatchObject({ kind: "start" });
  });
});

describe("an event that tells a run", () => {
  const tell = (signal: unknown, payload: unknown, workflowId: unknown = "run-1") =>
    decide("k", { signal, payload, workflowId });

  test("a message and new terms count once, by the event's id unless they have one", () => {
    const id = "trigger:orders:k";
    expect(tell("message", { text: "hi" })).toMatchObject({ kind: "signal", payload: { text: "hi", id } });
    expect(tell("message", { text: "hi", id: "m" })).toMatchObject({ payload: { id: "m" } });
    expect(tell("budgetCheck", { addUsd: "1", by: "ada" })).toMatchObject({ payload: { addUsd: "1", by: "ada", id } });
  });

  test("a decision goes as it is", () => {
    const payload = { gate: "g1", by: "ada" };
    expect(tell("approve", payload)).toEqual({ kind: "signal", workflowId: "run-1", signal: "approve", payload });
    expect(tell("pause", undefined)).toMatchObject({ signal: "pause", payload: {} });
  });

  test.each([
    [["explode", {}], /signal: must be one of message, approve/],
    [["message", {}], /payload\.text/],
    [["approve", { gate: "g1" }], /payload\.by/],
    [["budgetCheck", { addUsd: "x", by: "ada" }], /payload\.addUsd/],
    [["message", { text: "hi" }, ""], /workflowId: must be the id/],
    [["message", { text: "hi" }, 7], /workflowId: must be the id/],
  ])("%j is refused", (given, problem) => {
    const told = tell(...(given as [unknown, unknown, unknown?]));
    expect(told).toEqual({ kind: "refused", problems: [expect.stringMatching(problem)] });
  });
});

test.each([
  [null, /empty/],
  [Buffer.alloc(0), /empty/],
  [Buffer.from([0xff, 0xfe]), /no UTF-8/],
  [Buffer.from("{"), /not JSON/],
])("bytes that are no event: %j", (bytes, problem) => {
  expect(readEvent(bytes)).toEqual({ problem: expect.stringMatching(problem) });
});

test("a byte order mark is no part of the text", () => {
  expect(readEvent(Buffer.from('\ufeff{"a":1}'))).toEqual({ event: { a: 1 } });
});

test("the built-in trigger takes the id for its key, and the rest as it is", () => {
  expect(builtInAction({ id: "a", ...run })).toEqual({ key: "a", action: run });
  for (const wrong of [null, 7, "x", [], {}, { id: 7 }]) expect(builtInAction(wrong)).toHaveProperty("problem");
});

test("names and topics", () => {
  expect(["a", "A.b-c_1"].every(isTriggerName)).toBe(true);
  expect(["", ":", "a b", ".a", "a".repeat(101), 7].some(isTriggerName)).toBe(false);
  expect(["wflo.triggers", "A_b-1"].every(isTopic)).toBe(true);
  expect(["", ".", "..", "a b", "a".repeat(250), null].some(isTopic)).toBe(false);
});

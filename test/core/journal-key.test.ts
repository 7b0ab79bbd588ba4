import { expect, test } from "@jest/globals";
import { callDigest } from "../../core/call-digest.js";
import { digestOf } from "../../core/digest.js";
import { answerKey, modelCallKey, questionDigest } from "../../core/journal-key.js";
import type { Message } from "../../core/transcript.js";

const said: Message = { role: "user", text: "hello", turn: 3 };
const call = {
  workflowId: "orders/1",
  firstRunId: "7f1c",
  turn: 3,
  head: digestOf("head"),
  newMessages: [said],
} as const;

test("the same question of the same run has the same key, in any process and by any attempt", () => {
  const carried = JSON.parse(JSON.stringify({ ...call, attempt: 7, maxOutputTokens: 5 })) as typeof call;
  expect(modelCallKey(carried)).toBe(modelCallKey(call));
  expect(modelCallKey({ ...call, newMessages: [{ turn: 3, text: "hello", role: "user" }] })).toBe(modelCallKey(call));
  expect(modelCallKey(call)).toMatch(/^orders\/1\/7f1c\/3\/model-[0-9a-f]{16}$/);
});

test("a question that is known by its digest has the key of the question", () => {
  const { workflowId, firstRunId, turn } = call;
  expect(answerKey({ workflowId, firstRunId, turn, asked: questionDigest(call) })).toBe(modelCallKey(call));
});

test.each<[string, Partial<Parameters<typeof modelCallKey>[0]>]>([
  ["workflow", { workflowId: "orders/2" }],
  ["first run", { firstRunId: "8a2d" }],
  ["turn", { turn: 4 }],
  ["transcript", { head: digestOf("other") }],
  ["beginning", { head: null }],
  ["message", { newMessages: [{ ...said, text: "hello!" }] }],
  ["number of messages", { newMessages: [said, said] }],
  ["silence", { newMessages: [] }],
])("another %s is another question", (_, change) => {
  expect(modelCallKey({ ...call, ...change })).not.toBe(modelCallKey(call));
});

const approved = { tool: "shell", version: "1", args: { command: "ls", cwd: "/" }, workspace: digestOf("files") };

test("what was approved is told by one digest, whatever the order of its arguments", () => {
  expect(callDigest({ ...approved, args: { cwd: "/", command: "ls" } })).toBe(callDigest(approved));
  expect(callDigest(JSON.parse(JSON.stringify(approved)) as typeof approved)).toBe(callDigest(approved));
  expect(callDigest(approved)).toMatch(/^sha256:[0-9a-f]{64}$/);
});

test.each<[string, object]>([
  ["tool", { tool: "python" }],
  ["version", { version: "2" }],
  ["argument", { args: { command: "ls -a", cwd: "/" } }],
  ["argument more", { args: { command: "ls", cwd: "/", sudo: true } }],
  ["place of the arguments", { args: { ref: digestOf({ command: "ls", cwd: "/" }) } }],
  ["workspace", { workspace: digestOf("other files") }],
  ["lack of a workspace", { workspace: undefined }],
])("another %s is not what was approved", (_, change) => {
  expect(callDigest({ ...approved, ...change } as typeof approved)).not.toBe(callDigest(approved));
});

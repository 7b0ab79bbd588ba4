import { afterEach, describe, expect, test } from "@jest/globals";
import type { WorkflowHandle } from "@temporalio/client";
import { createBlobs } from "../../activities/blobs.js";
import { createWorkspaces } from "../../activities/workspace.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import type { GateView } from "../../core/gate.js";
import type { JsonObject } from "../../core/json.js";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { deferred } from "../harness/deferred.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";
import { startHalves } from "../harness/worker-halves.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

const gatesOf = async (run: WorkflowHandle) => await run.query<GateView[]>("approvals");
const decide = async (run: WorkflowHandle, word: object) =>
  await run.executeUpdate<GateView, [object]>("decideApproval", {
    args: [{ decision: "approve", by: "ana", ...word }],
  });
const refusal = (reason: string, message: unknown = expect.anything()) => ({
  cause: { type: "Refused", message, details: [{ reason }] },
});
const untilAsked = async (run: WorkflowHandle, count = 1) =>
  await eventually(async () => {
    const open = (await gatesOf(run)).filter(({ state }) => state === "pending");
    expect(open).toHaveLength(count);
    return open;
  });

/** A model that asks for these calls in its first turn, and then tells what they answered. */
const asking = (...calls: readonly (readonly [name: string, args?: JsonObject])[]) =>
  plainModels(({ turn, messages }) =>
    turn === 1
      ? { toolCalls: calls.map(([name, args = {}], at) => ({ id: `c${at}`, name, args })) }
      : { text: JSON.stringify(messages.findLast(({ role }) => role === "tool")?.toolResults) },
  );

function deployTool() {
  const ran: unknown[] = [];
  const tool = {
    name: "deploy",
    safe: false,
    inputSchema: {
      type: "object",
      properties: { to: { type: "string" } },
      required: ["to"],
      additionalProperties: false,
    } as JsonObject,
    execute: async (args: JsonObject) => {
      ran.push(args);
      return "deployed";
    },
  };
  return { tool, ran };
}

async function start(world: TestWorld, input: object = {}) {
  worker = await startAgentWorker(world);
  return await worker.start({ agent: "tester", input: "go", ...input });
}

/** Each record once: a broker may get one twice. */
function published(topic: string): { type?: string; action?: string; data?: JsonObject; facts?: JsonObject }[] {
  const values = (worker?.published ?? []).filter((one) => one.topic === topic).map(({ value }) => value);
  return [...new Set(values)].map((value) => JSON.parse(value));
}

describe("what was approved is what runs", () => {
  /** Code that writes one file into the workspace; what it ran is recorded. */
  function sandboxWorld() {
    const store = createMemoryObjectStore();
    const workspaces = createWorkspaces(createBlobs(store));
    const ran: string[] = [];
    const code: TestWorld["code"] = async ({ code: text }) => {
      ran.push(text);
      const content = new TextEncoder().encode(text);
      const workspace = await workspaces.save([{ path: "script.sh", content }]);
      const result = { exitCode: 0, stdout: "", stderr: "", timedOut: false, truncated: false, durationMs: 1 };
      return { result: { ...result, backend: "none", files: [] }, workspace, out: {} };
    };
    const sandboxed = { kind: "sandbox", settings: { language: "shell" } } as const;
    const tools = [
      { ...sandboxed, name: "write" },
      { ...sandboxed, name: "shell", safe: false },
    ];
    return { ran, world: { store, code, tools } };
  }

  test("a sandbox tool does not run when the workspace has changed while its gate was open", async () => {
    const { ran, world } = sandboxWorld();
    const models = asking(["shell", { command: "sh script.sh" }], ["write", { code: "rm -rf /" }]);
    const run = await start({ ...world, models }, { files: { "script.sh": "echo harmless" } });
    await eventually(() => expect(ran).toEqual(["rm -rf /"]));
    const [gate] = await untilAsked(run);
    await decide(run, { gate: "g1", digest: gate?.digest });
    const { output } = await run.result();
    expect(ran).toEqual(["rm -rf /"]);
    expect(JSON.parse(output)[0]).toMatchObject({ name: "shell", error: expect.stringContaining("has changed since") });
    await eventually(() => expect(published("wflo.audit").map(({ action }) => action)).toContain("tool.refused"));
  });

  test("it runs when nothing has changed, from the files that people were asked with", async () => {
    const { ran, world } = sandboxWorld();
    const models = asking(["shell", { command: "sh script.sh" }]);
    const run = await start({ ...world, models }, { files: { "script.sh": "echo harmless" } });
    await untilAsked(run);
    await decide(run, { gate: "g1" });
    await run.result();
    expect(ran).toEqual(["sh script.sh"]);
    await eventually(() => expect(published("wflo.audit").map(({ action }) => action)).toContain("code.executed"));
  });
});

describe("arguments that an approver edits", () => {
  test.each<[string, object, string]>([
    ["leave out what the tool needs", {}, "args: the arguments do not fit: the value must have required property 'to'"],
    ["are of the wrong type", { to: 7 }, "args: the arguments do not fit: /to must be string"],
    ["are a blob that is not there", { ref: `sha256:${"0".repeat(64)}` }, "args: the blob sha256:0000"],
  ])("and %s are refused as a decision, and the gate stays open", async (_, args, message) => {
    const { tool, ran } = deployTool();
    const run = await start({ models: asking(["deploy", { to: "here" }]), tools: [tool] });
    await untilAsked(run);
    const refused = refusal("invalid", expect.stringContaining(message));
    await expect(decide(run, { gate: "g1", args })).rejects.toMatchObject(refused);
    await run.signal("approve", { gate: "g1", by: "ana", args });
    await eventually(() => expect(published("wflo.audit").length).toBeGreaterThan(0));
    expect(await gatesOf(run)).toMatchObject([{ state: "pending", decisions: [], args: { to: "here" } }]);
    await decide(run, { gate: "g1" });
    await run.result();
    expect(ran).toEqual([{ to: "here" }]);
    await eventually(() => expect(published("wflo.audit").map(({ action }) => action)).toContain("command.refused"));
  });

  test("run as they are, also from a blob", async () => {
    const { tool, ran } = deployTool();
    const run = await start({ models: asking(["deploy", { to: "here" }]), tools: [tool] });
    await untilAsked(run);
    const { ref } = await (worker as AgentWorker).blobs.put('{ "to": "there" }');
    expect(await decide(run, { gate: "g1", args: { ref } })).toMatchObject({ state: "approved", editedBy: "ana" });
    await run.result();
    expect(ran).toEqual([{ to: "there" }]);
  });

  test("void the approvals before them: the next one has to name what it approves", async () => {
    const { tool, ran } = deployTool();
    const approvals = { quorum: 2, approvers: ["ana", "ben", "cem"] };
    const run = await start({ models: asking(["deploy", { to: "here" }]), tools: [tool] }, { approvals });
    const [asked] = await untilAsked(run);
    await decide(run, { gate: "g1", by: "ana", digest: asked?.digest });
    const edited = await decide(run, { gate: "g1", by: "ben", args: { to: "there" } });
    expect(edited).toMatchObject({ state: "pending", decisions: [{ by: "ana", superseded: true }, { by: "ben" }] });
    expect(edited.digest).not.toBe(asked?.digest);
    await expect(decide(run, { gate: "g1", by: "cem" })).rejects.toMatchObject(refusal("edited"));
    const stale = decide(run, { gate: "g1", by: "cem", digest: asked?.digest });
    await expect(stale).rejects.toMatchObject(refusal("stale"));
    await decide(run, { gate: "g1", by: "cem", digest: edited.digest });
    await run.result();
    expect(ran).toEqual([{ to: "there" }]);
  });
});

describe("a decision", () => {
  test("that comes while the run is paused is taken, and the tool runs once the run goes on", async () => {
    const { tool, ran } = deployTool();
    const run = await start({ models: asking(["deploy", { to: "here" }]), tools: [tool] });
    await untilAsked(run);
    await run.signal("pause", { by: "ana" });
    await eventually(async () => {
      const doing = expect.stringMatching(/paused.*waiting for a decision on g1 \(deploy\)/);
      expect(await run.query("status")).toMatchObject({ state: "paused", doing });
    });
    expect(await decide(run, { gate: "g1" })).toMatchObject({ state: "approved" });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "paused" }));
    expect(ran).toEqual([]);
    await run.signal("resume", { by: "ana" });
    expect(await run.result()).toMatchObject({ status: "completed" });
    expect(ran).toHaveLength(1);
  });

  test("on a gate that is closed, or long forgotten, is told so", async () => {
    const { tool } = deployTool();
    const turns = 24;
    const models = plainModels(({ turn }) =>
      turn < turns ? { toolCalls: [{ id: `c${turn}`, name: "deploy", args: { to: "x" } }] } : { text: "done" },
    );
    const run = await start({ models, tools: [tool], maxCachedWorkflows: 10 });
    for (let gate = 1; gate < turns - 1; gate += 1) {
      await eventually(async () => await decide(run, { gate: `g${gate}` }));
    }
    await untilAsked(run);
    const closed = refusal("closed", expect.stringContaining("g22 is approved already, by ana"));
    await expect(decide(run, { gate: "g22" })).rejects.toMatchObject(closed);
    const forgotten = refusal("closed", "g1 was closed long ago");
    await expect(decide(run, { gate: "g1" })).rejects.toMatchObject(forgotten);
    await expect(decide(run, { gate: "g99" })).rejects.toMatchObject(refusal("unknown"));
    await run.terminate();
  });

  test("that comes in one task with another one counts beside it", async () => {
    const { tool, ran } = deployTool();
    const halves = await startHalves({ models: asking(["deploy", { to: "here" }]), tools: [tool] });
    worker = halves;
    const approvals = { quorum: 3, approvers: ["ana", "ben", "cem"] };
    const run = await halves.start({ agent: "tester", input: "go", approvals });
    await untilAsked(run);
    await halves.inOneTask(async () => {
      for (const by of ["ana", "ben"]) await run.signal("approve", { gate: "g1", by });
    });
    const decisions = [{ by: "ana" }, { by: "ben" }, { by: "cem" }];
    expect(await decide(run, { gate: "g1", by: "cem" })).toMatchObject({ state: "approved", decisions });
    expect(await run.result()).toMatchObject({ status: "completed" });
    expect(ran).toHaveLength(1);
  });

  test("on one of two gates does not wait for the tool of the other, and a rejection ends the run in order", async () => {
    const { tool, ran } = deployTool();
    const slow = deferred<string>();
    const models = asking(["deploy", { to: "a" }], ["deploy", { to: "b" }], ["slow"]);
    const run = await start({ models, tools: [tool, { name: "slow", execute: async () => await slow.promise }] });
    await untilAsked(run, 2);
    await eventually(async () => {
      const doing = "waiting for a decision on g1 (deploy), g2 (deploy); slow running";
      expect(await run.query("status")).toMatchObject({ state: "awaiting_approval", doing });
    });
    await decide(run, { gate: "g2" });
    await eventually(() => expect(ran).toEqual([{ to: "b" }]));
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_approval" }));
    await decide(run, { gate: "g1", decision: "reject", comment: "no" });
    slow.resolve("slow and done");
    const { transcript, ...result } = await run.result();
    expect(result).toMatchObject({ status: "rejected", stopReason: "g1 (deploy) was rejected by ana: no" });
    const messages = await (worker as AgentWorker).transcripts.load(transcript as never);
    expect(messages.at(-1)?.toolResults).toEqual([
      { id: "c0", name: "deploy", error: "not run: g1 (deploy) was rejected by ana: no" },
      { id: "c1", name: "deploy", result: "deployed" },
      { id: "c2", name: "slow", result: "slow and done" },
    ]);
  });
});

describe("a gate that nobody decides", () => {
  test("asks the others when it escalates, and is over when they say nothing either", async () => {
    const { tool, ran } = deployTool();
    const approvals = { timeout: "1s", onTimeout: "escalate", approvers: ["ana"], escalateTo: ["lead"] };
    const run = await start({ models: asking(["deploy", { to: "here" }]), tools: [tool] }, { approvals });
    await eventually(async () => expect(await gatesOf(run)).toMatchObject([{ approvers: ["lead"], state: "pending" }]));
    await expect(decide(run, { gate: "g1", by: "ana" })).rejects.toMatchObject(refusal("not-allowed"));
    const stopReason = "nobody decided on g1 (deploy) in time";
    expect(await run.result()).toMatchObject({ status: "rejected", stopReason });
    expect(ran).toEqual([]);
    await eventually(() => expect(published("wflo.events").at(-1)).toMatchObject({ type: "wflo.run.completed" }));
    const told = published("wflo.events").filter(({ type }) => type?.startsWith("wflo.approval."));
    expect(told).toMatchObject([
      { type: "wflo.approval.requested", data: { gate: "g1", approvers: ["ana"] } },
      { type: "wflo.approval.expired", data: { gate: "g1", state: "escalated" } },
      { type: "wflo.approval.requested", data: { gate: "g1", approvers: ["lead"] } },
      { type: "wflo.approval.expired", data: { gate: "g1", state: "expired" } },
    ]);
  });

  test("is decided by those it escalates to", async () => {
    const { tool, ran } = deployTool();
    const approvals = { timeout: "1s", onTimeout: "escalate", approvers: ["ana"], escalateTo: ["lead"] };
    const run = await start({ models: asking(["deploy", { to: "here" }]), tools: [tool] }, { approvals });
    await eventually(async () => await decide(run, { gate: "g1", by: "lead" }));
    expect(await run.result()).toMatchObject({ status: "completed" });
    expect(ran).toHaveLength(1);
  });
});

test("a question to people is answered by the comment of who approves, and every step of it is on record", async () => {
  const models = asking(["ask_human", { question: "Which colour?" }]);
  const run = await start({ models, tools: [{ name: "ask_human", kind: "human" }] });
  expect(await untilAsked(run)).toMatchObject([{ title: "Which colour?", tool: "ask_human" }]);
  await decide(run, { gate: "g1", comment: "green" });
  const { output } = await run.result();
  expect(JSON.parse(output)).toEqual([{ id: "c0", name: "ask_human", result: { answer: "green", by: "ana" } }]);
  await eventually(() => expect(published("wflo.audit").at(-1)).toMatchObject({ action: "run.ended" }));
  expect(published("wflo.audit")).toMatchObject([
    { action: "run.started" },
    { action: "approval.requested", facts: { gate: "g1", tool: "ask_human" } },
    { action: "approval.approve", by: "ana", facts: { gate: "g1", identity: "asserted", comment: "green" } },
    { action: "run.ended", facts: { status: "completed" } },
  ]);
});

test.each<[string, object, boolean]>([
  ["a tool that is not safe", {}, true],
  ["a safe tool", { tool: "look" }, false],
  ["a safe tool under the default `always`", { tool: "look", approvals: { default: "always" } }, true],
  ["a tool that is not safe under the default `never`", { approvals: { default: "never" } }, false],
  ["a tool that the run lets through", { approvals: { tools: { deploy: "never" } } }, false],
  ["a safe tool that the run watches", { tool: "look", approvals: { tools: { look: "always" } } }, true],
])(
  "%s asks people: %j → %s",
  async (_, { tool: name = "deploy", approvals }: { tool?: string; approvals?: object }, asks) => {
    const { tool } = deployTool();
    const tools = [tool, { name: "look", execute: async () => "seen" }];
    const run = await start({ models: asking([name, { to: "here" }]), tools }, approvals ? { approvals } : {});
    if (asks) {
      await untilAsked(run);
      await run.terminate();
    } else expect(await run.result()).toMatchObject({ status: "completed" });
  },
);

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type BlobReader, type ConnectOptions, connect, type WfloClient } from "../../client/index.js";
import type { NanoUsd } from "../../core/money.js";
import type { BlobAddress } from "../../core/transcript.js";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { temporalAddress } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker;
let client: WfloClient;

async function start(world: TestWorld, options: ConnectOptions = {}) {
  worker = await startAgentWorker({ maxCachedWorkflows: 100, ...world });
  client = await connect({
    environment: {},
    address: temporalAddress(),
    taskQueue: worker.taskQueue,
    blobs: worker.blobs,
    ...options,
  });
}

afterEach(async () => {
  await client?.close();
  await worker?.stop();
});

const deploy = { name: "deploy", safe: false, execute: async () => "deployed" };
const deploying = () =>
  plainModels(({ turn }) =>
    turn === 1 ? { toolCalls: [{ id: "c1", name: "deploy", args: { to: "production" } }] } : { text: "It is out." },
  );

describe("a client", () => {
  test("starts a run, waits for its answer, and knows its page in the Web UI", async () => {
    await start({ models: plainModels(() => ({ text: "42" })) });
    const run = await client.run({ agent: "tester", input: "What is six times seven?" });
    expect(await run.result()).toMatchObject({ status: "completed", output: "42", cost: { usd: "0.0011" } });
    expect(run.workflowId).toMatch(/^run-[0-9a-f-]{36}$/);
    expect(run.webUrl).toBe(`http://localhost:8233/namespaces/default/workflows/${run.workflowId}/${run.runId}`);
  });

  test("starts nothing where the input is wrong, and names every wrong field", async () => {
    const models = plainModels(() => ({ text: "42" }));
    await start({ models });
    const wrong = client.run(
      { agent: "tester", input: "", budget: { limitUsd: "a lot" }, maxTurns: 0 },
      { id: "wrong" },
    );
    await expect(wrong).rejects.toMatchObject({
      type: "InvalidInput",
      facts: {
        problems: [
          expect.stringContaining("limitUsd"),
          expect.stringContaining("input"),
          expect.stringContaining("maxTurns"),
        ],
      },
    });
    await expect(client.attach("wrong").summary()).rejects.toMatchObject({ kind: "no-such-run" });
    expect(models.requests).toEqual([]);
  });

  test("refuses a second run of the same id, also after the first has ended", async () => {
    await start({ models: plainModels(() => ({ text: "42" })) });
    const id = `twice-${worker.taskQueue}`;
    const first = await client.run({ agent: "tester", input: "once" }, { id });
    await first.result();
    await expect(client.run({ agent: "tester", input: "twice" }, { id })).rejects.toMatchObject({
      kind: "id-taken",
      message: `there is a run with the id ${id} already`,
    });
  });

  test("gives a run that fails as RunFailed, with the contract's type and what to do", async () => {
    await start({ models: plainModels(() => ({ text: "42" })) });
    const run = await client.run({ agent: "nobody", input: "Are you there?" });
    await expect(run.result()).rejects.toMatchObject({
      name: "RunFailed",
      type: "UnknownAgent",
      message: expect.stringContaining('no agent "nobody"'),
      advice: expect.stringContaining("wflo agents"),
    });
  });

  test("reads a transcript in full, with texts and results that are too large to travel", async () => {
    const long = "long ".repeat(20_000);
    const models = plainModels(({ turn }) =>
      turn === 1 ? { text: "", toolCalls: [{ id: "c1", name: "fetch", args: {} }] } : { text: long },
    );
    await start({ models, tools: [{ name: "fetch", execute: async () => ({ page: long }) }] });
    const run = await client.run({ agent: "tester", input: "Fetch it." });
    await run.result();
    expect(await client.transcript(run.workflowId)).toEqual([
      { role: "user", text: "Fetch it.", turn: 1 },
      expect.objectContaining({ role: "assistant", turn: 1, toolCalls: [{ id: "c1", name: "fetch", args: {} }] }),
      { role: "tool", turn: 1, toolResults: [{ id: "c1", name: "fetch", result: { page: long } }] },
      expect.objectContaining({ role: "assistant", turn: 2, text: long }),
    ]);
  });

  test("names the blob that a transcript lacks, and the one whose bytes were changed", async () => {
    let broken: BlobReader["get"] = async () => await Promise.reject(new Error("not there"));
    await start({ models: plainModels(() => ({ text: "42" })) }, { blobs: { get: async (ref) => await broken(ref) } });
    const run = await client.run({ agent: "tester", input: "six times seven" });
    const { transcript } = await run.result();
    await expect(run.transcript()).rejects.toMatchObject({
      kind: "blob",
      message: expect.stringContaining(`${transcript}`),
    });
    broken = async (ref: BlobAddress) => Buffer.from(await worker.blobs.get(ref)).fill(0, 0, 1);
    await expect(run.transcript()).rejects.toMatchObject({
      kind: "blob",
      message: expect.stringContaining("other bytes"),
    });
  });

  test("says that nobody handed in a reader of blobs", async () => {
    await start({ models: plainModels(() => ({ text: "42" })) }, { blobs: undefined as never });
    const run = await client.run({ agent: "tester", input: "six times seven" });
    await run.result();
    await expect(run.transcript()).rejects.toMatchObject({
      kind: "configuration",
      advice: expect.stringContaining("blobs"),
    });
  });
});

describe("commands", () => {
  beforeEach(async () => {
    await start({ models: deploying(), tools: [deploy] });
  });
  const waiting = async (approvals: object = {}) => {
    const run = await client.run({ agent: "tester", input: "Deploy it.", approvals, budget: { limitUsd: "1" } });
    await eventually(async () => expect(await run.approvals()).toHaveLength(1));
    return run;
  };

  test("approve a gate, and what was seen is what runs", async () => {
    const run = await waiting();
    const [gate] = await run.approvals();
    expect(gate).toMatchObject({ gate: "g1", tool: "deploy", args: { to: "production" }, state: "pending" });
    expect(await run.approve("g1", { by: "ana", digest: gate!.digest })).toMatchObject({ state: "approved" });
    expect(await run.result()).toMatchObject({ output: "It is out." });
  });

  test("reject a gate, and the run ends as rejected", async () => {
    const run = await waiting();
    await run.reject("g1", { by: "ana", comment: "not today" });
    expect(await run.result()).toMatchObject({ status: "rejected", stopReason: expect.stringContaining("not today") });
  });

  test.each([
    ["unknown", "g7", { by: "ana" }, "there is no gate g7"],
    ["stale", "g1", { by: "ana", digest: `sha256:${"0".repeat(64)}` }, "look at it again"],
    ["not-allowed", "g1", { by: "eve" }, "eve may not decide"],
  ] as const)("are refused by the run with the reason: %s", async (reason, gate, options, message) => {
    const run = await waiting({ approvers: ["ana"] });
    await expect(run.approve(gate, options)).rejects.toMatchObject({
      name: "CommandRefused",
      kind: "refused",
      reason,
      message: expect.stringContaining(message),
    });
    await run.cancel();
  });

  test.each([
    ["approve", "by", async () => await client.attach("x").approve("g1", { by: "" })],
    ["approve", "args", async () => await client.attach("x").approve("g1", { by: "ana", args: "text" })],
    ["addBudget", "addUsd", async () => await client.attach("x").addBudget("-1", { by: "ana" })],
    ["setLimit", "limitUsd", async () => await client.attach("x").setLimit("lots")],
    ["say", "text", async () => await client.attach("x").say("  ")],
    ["pause", "by", async () => await client.attach("x").pause({ by: 7 as never })],
  ])("that are wrong are told of before they are sent: %s names %s", async (_command, field, send) => {
    await expect(send()).rejects.toMatchObject({ type: "InvalidInput", message: expect.stringContaining(field) });
  });

  test("change the money of a run, and each counts once", async () => {
    const run = await waiting();
    expect(await run.addBudget("0.50", { by: "ana", id: "top-up" })).toMatchObject({ limitNanoUsd: 1_500_000_000 });
    expect(await run.addBudget("0.50", { by: "ana", id: "top-up" })).toMatchObject({ limitNanoUsd: 1_500_000_000 });
    await run.setLimit(2, { by: "ana" });
    await run.freeze({ by: "ana", reason: "audit" });
    await eventually(async () =>
      expect(await run.budget()).toMatchObject({ limitNanoUsd: 2_000_000_000 as NanoUsd, frozen: true }),
    );
    await run.unfreeze({ by: "ana" });
    await eventually(async () => expect(await run.budget()).toMatchObject({ frozen: false }));
    await run.cancel();
  });

  test("pause, resume and say something", async () => {
    const run = await waiting();
    await run.pause({ by: "ana" });
    await run.approve("g1", { by: "ana" });
    await eventually(async () => expect(await run.status()).toMatchObject({ state: "paused" }));
    expect(await run.say("And tell me when.", { by: "ana" })).toEqual({ turn: 2 });
    await run.resume({ by: "ana" });
    await run.result();
    expect(await run.transcript()).toContainEqual({ role: "user", text: "And tell me when.", by: "ana", turn: 2 });
  });

  test("cancel a run: it ends as canceled, and later commands say that it has ended", async () => {
    const run = await waiting();
    await run.cancel();
    await expect(run.result()).rejects.toMatchObject({ name: "RunFailed", type: "Canceled" });
    await expect(run.pause({ by: "ana" })).rejects.toMatchObject({ kind: "run-ended" });
    await expect(run.cancel()).resolves.toBeUndefined();
    await expect(run.approve("g1", { by: "ana" })).rejects.toMatchObject({ kind: "run-ended" });
  });

  test("terminate a run: it fails as Terminated, with the reason", async () => {
    const run = await waiting();
    await run.terminate("out of patience");
    await expect(run.result()).rejects.toMatchObject({
      type: "Terminated",
      message: expect.stringContaining("patience"),
    });
  });

  test("are told that there is no such run", async () => {
    const run = client.attach("never-started");
    const advice = expect.stringContaining("wflo runs");
    const calls = [
      async () => await run.status(),
      async () => await run.pause(),
      async () => await run.cancel(),
      async () => await run.approve("g1", { by: "ana" }),
      async () => await run.result(),
      async () => await run.summary(),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({
        kind: "no-such-run",
        message: expect.stringContaining("never-started"),
        advice,
      });
    }
  });
});

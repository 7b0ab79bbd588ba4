import { afterEach, describe, expect, test } from "@jest/globals";
import type { WorkflowHandle } from "@temporalio/client";
import { ModelCallFailed } from "../../ports/models.js";
import { StoreUnavailable } from "../../ports/object-store.js";
import { SandboxUnavailable } from "../../ports/sandbox.js";
import { type AgentWorker, startAgentWorker, type TestTool, type TestWorld } from "../harness/agent-worker.js";
import { createCountingStore } from "../harness/counting-store.js";
import { deferred } from "../harness/deferred.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

async function start(world: TestWorld, input: object = {}) {
  worker = await startAgentWorker(world);
  return await worker.start({ agent: "tester", input: "go", ...input });
}

/** Work that goes on until its signal aborts; says when it began and when it was stopped. */
function endless() {
  const began = deferred();
  const stopped = deferred();
  const work = async (signal: AbortSignal): Promise<never> => {
    began.resolve();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    stopped.resolve();
    throw new ModelCallFailed("stopped", { kind: "cancelled", billed: "unknown" });
  };
  return { began: began.promise, stopped: stopped.promise, work };
}

const calls = (name: string) =>
  plainModels(({ turn }) => (turn === 1 ? { toolCalls: [{ id: "c", name, args: {} }] } : { text: "done" }));
const state = async (run: WorkflowHandle, wanted: string) =>
  await eventually(async () => expect(await run.query("status")).toMatchObject({ state: wanted }));

/** A run that is in the middle of something, and what has to stop with it. */
type Stage = () => Promise<{ run: Awaited<ReturnType<typeof start>>; stopped?: Promise<void> }>;

const thinking: Stage = async () => {
  const { began, stopped, work } = endless();
  const run = await start({ models: plainModels(async (_, signal) => await work(signal)) });
  await began;
  return { run, stopped };
};

const withTool =
  (tool: Partial<TestTool>): Stage =>
  async () => {
    const { began, stopped, work } = endless();
    const execute: TestTool["execute"] = async (_, { signal }) => await work(signal);
    const code: TestWorld["code"] = async (_, { signal }) => await work(signal);
    const run = await start({ models: calls("long"), tools: [{ name: "long", execute, ...tool }], code });
    await began;
    return { run, stopped };
  };

const waiting =
  (wanted: string, world: Partial<TestWorld>, input: object): Stage =>
  async () => {
    const run = await start({ models: calls("ask"), tools: [{ name: "ask", kind: "human" }], ...world }, input);
    await state(run, wanted);
    return { run };
  };

const STAGES: readonly [string, Stage][] = [
  ["thinks", thinking],
  ["runs a tool", withTool({})],
  ["runs a tool that must not be repeated", withTool({ repeatable: false })],
  ["runs code in a sandbox", withTool({ kind: "sandbox", settings: { language: "python" } })],
  ["waits for people", waiting("awaiting_approval", {}, {})],
  ["waits for money", waiting("awaiting_budget", {}, { budget: { limitUsd: "0.0001", onExhausted: "pause" } })],
  [
    "waits for the blob store",
    async () => {
      const store = createCountingStore();
      const run = await start({ models: calls("ask"), store });
      store.intercept("putIfAbsent", async () => await Promise.reject(new StoreUnavailable("no disk")));
      return { run };
    },
  ],
];

describe("cancel ends a run that", () => {
  test.each(STAGES)("%s, within two seconds, and nothing goes on", async (_, stage) => {
    const { run, stopped } = await stage();
    const since = performance.now();
    await run.cancel();
    await expect(run.result()).rejects.toMatchObject({ cause: { name: "CancelledFailure" } });
    await stopped;
    // Generous: two seconds are the promise on a machine that is not busy with other tests.
    expect(performance.now() - since).toBeLessThan(8_000);
    expect(await run.query("budget")).toMatchObject({ reservedNanoUsd: 0 });
  });
});

describe("terminate leaves nothing running of a run that", () => {
  test.each(STAGES.slice(0, 4))("%s", async (_, stage) => {
    const { run, stopped } = await stage();
    await run.terminate("enough");
    await stopped;
  });
});

describe("pause", () => {
  test("lets a tool that runs end, and stops before the next model call", async () => {
    const release = deferred<string>();
    const models = calls("slow");
    const run = await start({ models, tools: [{ name: "slow", execute: async () => await release.promise }] });
    await eventually(async () => {
      const pending = (await run.describe()).raw.pendingActivities ?? [];
      expect(pending.map(({ activityType }) => activityType?.name)).toEqual(["tool.slow"]);
    });
    await run.signal("pause", { by: "ana" });
    release.resolve("done");
    await state(run, "paused");
    expect(models.requests).toHaveLength(1);
    await run.signal("resume", { by: "ana" });
    expect(await run.result()).toMatchObject({ status: "completed", turns: 2 });
  });

  test("before the first call holds the run; resuming twice does no harm", async () => {
    const models = plainModels(() => ({ text: "done" }));
    worker = await startAgentWorker({ models });
    const run = await worker.client.workflow.signalWithStart("agentRun", {
      taskQueue: worker.taskQueue,
      workflowId: `paused-${worker.taskQueue}`,
      args: [{ agent: "tester", input: "go" }],
      signal: "pause",
      signalArgs: [{ by: "ana" }],
    });
    await state(run, "paused");
    expect(models.requests).toHaveLength(0);
    await run.signal("resume", { by: "ana" });
    await run.signal("resume", { by: "ben" });
    expect(await run.result()).toMatchObject({ status: "completed" });
  });

  test("under a wait for money is told, and the top-up alone does not go on", async () => {
    const budget = { limitUsd: "0.0001", onExhausted: "pause" };
    const models = plainModels(() => ({ text: "done" }));
    const run = await start({ models }, { budget });
    await state(run, "awaiting_budget");
    await run.signal("pause", { by: "ana" });
    await run.signal("budgetCheck", { addUsd: "1", by: "ana" });
    await state(run, "paused");
    expect(models.requests).toHaveLength(0);
    await run.signal("resume", {});
    expect(await run.result()).toMatchObject({ status: "completed" });
  });
});

test("a run whose sandbox is not there fails at once, though people are asked about another call", async () => {
  const { began, stopped, work } = endless();
  const tools: TestTool[] = [
    { name: "ask", kind: "human" },
    { name: "long", execute: async (_, { signal }) => await work(signal) },
    { name: "python", kind: "sandbox", settings: { language: "python" } },
  ];
  const models = plainModels(() => ({ toolCalls: tools.map(({ name }) => ({ id: name, name, args: {} })) }));
  const code: TestWorld["code"] = async () => {
    await began;
    throw new SandboxUnavailable("this host has no user namespaces");
  };
  const run = await start({ models, tools, code });
  await expect(run.result()).rejects.toMatchObject({
    cause: { type: "SandboxUnavailable", message: "python: this host has no user namespaces" },
  });
  await stopped;
});

test("a run that is cancelled says so in its events, its records and its index, and keeps what its tools had done", async () => {
  const { began, work } = endless();
  const tools: TestTool[] = [
    { name: "quick", execute: async () => "quick and done" },
    { name: "long", execute: async (_, { signal }) => await work(signal) },
  ];
  const models = plainModels(() => ({ toolCalls: ["quick", "long"].map((name) => ({ id: name, name, args: {} })) }));
  const run = await start({ models, tools });
  await began;
  await run.cancel();
  await expect(run.result()).rejects.toBeDefined();
  const { client, transcripts, published } = worker as AgentWorker;
  const { head } = await run.query<{ head: never }>("transcript");
  expect((await transcripts.load(head)).at(-1)?.toolResults).toEqual([
    { id: "quick", name: "quick", result: "quick and done" },
    { id: "long", name: "long", error: "its end was not waited for: the run was cancelled" },
  ]);
  await eventually(() => {
    const once = [...new Set(published.map(({ value }) => value))];
    const records = once.map((value) => JSON.parse(value) as { type?: string; action?: string });
    expect(records.map(({ type, action }) => type ?? action).slice(-2)).toEqual(["wflo.run.canceled", "run.canceled"]);
  });
  const { searchAttributes } = await client.workflow.getHandle(run.workflowId).describe();
  expect(searchAttributes).toMatchObject({ WfloStatus: ["canceled"] });
});

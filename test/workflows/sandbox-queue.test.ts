import { afterEach, expect, test } from "@jest/globals";
import type { WorkflowHandle } from "@temporalio/client";
import { createBlobs } from "../../activities/blobs.js";
import { createCodeTool } from "../../activities/run-code.js";
import { createWorkspaces } from "../../activities/workspace.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import { type Sandbox, SandboxUnavailable } from "../../ports/sandbox.js";
import { type AgentWorker, startAgentWorker, type TestTool, type TestWorld } from "../harness/agent-worker.js";
import { changedBundles } from "../harness/changed-bundle.js";
import { deferred } from "../harness/deferred.js";
import { eventually } from "../harness/eventually.js";
import { plainHistory } from "../harness/histories.js";
import { plainModels } from "../harness/plain-models.js";

const workers: AgentWorker[] = [];
afterEach(async () => {
  for (const worker of workers.splice(0).reverse()) await worker.stop();
});

const bundleOf = changedBundles();
/** People are told after so long, and ten minutes pass twenty times as fast too. */
const quick = async (toldAfter: string) =>
  await bundleOf({ file: "workflows/sandbox-calls.ts", from: "AFTER_MS = 30_000", to: `AFTER_MS = ${toldAfter}` });

const python: TestTool = { name: "python", kind: "sandbox", settings: { language: "python" } };
const ask: TestTool = { name: "ask", kind: "human" };
const calling = (...names: readonly string[]) =>
  plainModels(({ turn }) =>
    turn === 1 ? { toolCalls: names.map((name) => ({ id: name, name, args: { code: "1" } })) } : { text: "done" },
  );

async function started(world: TestWorld): Promise<AgentWorker> {
  const worker = await startAgentWorker({ tools: [python, ask], ...world });
  workers.push(worker);
  return worker;
}

const ran = { exitCode: 0, stdout: "", stderr: "", timedOut: false, truncated: false, durationMs: 1 };
const done = {
  result: { ...ran, backend: "none", files: [] },
  workspace: `sha256:${"0".repeat(64)}`,
  out: {},
} as const;

const doing = async (run: WorkflowHandle) => (await run.query<{ doing: string }>("status")).doing;
const page = async (run: WorkflowHandle) =>
  (await run.query<{ currentDetails: string }>("__temporal_workflow_metadata")).currentDetails;
const remedy = (queue: string) =>
  `no sandbox worker asks ${queue}-sandbox for work; start one with \`wflo worker --queues sandbox\``;

interface ScheduledCall {
  readonly activityType: { readonly name: string };
  readonly scheduleToStartTimeout?: { readonly seconds: number };
}

/** What the server was told of each call of `python`, in order. */
async function callsOf(run: WorkflowHandle): Promise<readonly ScheduledCall[]> {
  const { events } = plainHistory(await run.fetchHistory(), { enums: String });
  const calls = events.flatMap((event) => (event.activityTaskScheduledEventAttributes ?? []) as ScheduledCall);
  return calls.filter(({ activityType }) => activityType.name === "tool.python");
}

test("code that no worker takes: people are told which queue has none, and then the run fails with what to do", async () => {
  const world = { models: calling("ask", "python"), sandboxed: false, workflowBundlePath: await quick("250") };
  const { start, taskQueue } = await started(world);
  const run = await start({ agent: "tester", input: "go" });
  const words = `waiting for a decision on g1 (ask); python was not taken within 250ms and waits: ${remedy(taskQueue)}`;
  await eventually(async () => expect(await doing(run)).toBe(words));
  expect(await page(run)).toContain(words);
  const message = `python: nobody took it within 5s: ${remedy(taskQueue)}`;
  await expect(run.result()).rejects.toMatchObject({ cause: { type: "SandboxUnavailable", message } });
});

test("a worker that comes in time takes it, and the run goes on as if nothing had been", async () => {
  const world = { models: calling("python"), code: async () => done, workflowBundlePath: await quick("1_000") };
  const { start, taskQueue, store } = await started({ ...world, sandboxed: false });
  const run = await start({ agent: "tester", input: "go" });
  await eventually(async () => expect(await doing(run)).toContain(remedy(taskQueue)));
  await started({ ...world, taskQueue, store, half: "activities" });
  expect(await run.result()).toMatchObject({ status: "completed", output: "done" });
});

test("workers that are busy are waited for, however long, and people are told so", async () => {
  const first = deferred();
  const code: TestWorld["code"] = async () => {
    await first.promise;
    return done;
  };
  const world = { models: calling("python"), code, sandboxSlots: 1, workflowBundlePath: await quick("250") };
  const { start, taskQueue } = await started(world);
  const runs = [await start({ agent: "tester", input: "go" }), await start({ agent: "tester", input: "go" })];
  const busy = `python was not taken within 250ms and waits: the sandbox workers of ${taskQueue}-sandbox are busy`;
  const second = await eventually(async () => {
    const told = await Promise.all(runs.map(async (run) => (await doing(run)).includes(busy)));
    expect(told).toContain(true);
    return runs[told.indexOf(true)] as WorkflowHandle;
  });
  // Longer than nobody would have been waited for: its third call is after that.
  await eventually(async () => expect((await callsOf(second)).length).toBeGreaterThan(2));
  first.resolve();
  for (const run of runs) expect(await run.result()).toMatchObject({ status: "completed" });
});

test("the call of a worker that is there costs no event, and has half a minute to be taken", async () => {
  const { start } = await started({ models: calling("python"), code: async () => done });
  const run = await start({ agent: "tester", input: "go" });
  await run.result();
  expect(await callsOf(run)).toMatchObject([{ scheduleToStartTimeout: { seconds: 30 } }]);
});

test("an agent that wants a stronger wall than a worker has gets none of its code run, and is told why", async () => {
  const sandbox: Sandbox = {
    backend: "bubblewrap",
    isolation: "namespace",
    check: async () => [],
    run: async () => await Promise.reject(new Error("code was run")),
  };
  const workspaces = createWorkspaces(createBlobs(createMemoryObjectStore()));
  const code = createCodeTool({ sandbox, workspaces });
  const { start } = await started({ models: calling("python"), code, agent: { minIsolation: "gvisor" } });
  const run = await start({ agent: "tester", input: "go" });
  await expect(run.result()).rejects.toMatchObject({
    cause: {
      type: "SandboxUnavailable",
      message: expect.stringContaining(
        "the agent wants gvisor or stronger, and this worker has bubblewrap (namespace)",
      ),
    },
  });
});

test("code leaves an audit record when it is handed out, also where nothing comes back, and one when it has run", async () => {
  const codeActions = async (code: NonNullable<TestWorld["code"]>) => {
    const worker = await started({ models: calling("python"), code });
    const run = await worker.start({ agent: "tester", input: "go" });
    await run.result().catch(() => undefined);
    const facts = { turn: 1, tool: "python", callId: "python" };
    const actions = () =>
      worker.published
        .filter(({ topic }) => topic === "wflo.audit")
        .map(({ value }) => JSON.parse(value) as { action: string; facts: object })
        .filter(({ action }) => action.startsWith("code."));
    await eventually(() => expect(actions()[0]).toMatchObject({ action: "code.started", facts }));
    await eventually(() =>
      expect(worker.published.some(({ value }) => /wflo\.run\.(completed|failed)/.test(value))).toBe(true),
    );
    // A log stores at least once.
    return [...new Set(actions().map(({ action }) => action))];
  };
  expect(await codeActions(async () => done)).toEqual(["code.started", "code.executed"]);
  const refused = async () => await Promise.reject(new SandboxUnavailable("there is none"));
  expect(await codeActions(refused)).toEqual(["code.started"]);
});

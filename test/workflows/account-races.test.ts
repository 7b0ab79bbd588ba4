import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { BalanceView } from "../../core/account.js";
import type { RunResult } from "../../core/run.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";
import { randomFrom, seeds } from "../simulation/random.js";

// A call costs $0.0011 at the most and in fact; a run makes three.
const CALL = 1_100_000;
const CALLS_A_RUN = 3;
const RUNS = 200;

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

const noop = { name: "noop", execute: async () => "done" };
const threeCalls = () =>
  plainModels(({ turn }) =>
    turn < CALLS_A_RUN ? { toolCalls: [{ id: `c${turn}`, name: "noop", args: {} }] } : { text: "done" },
  );

async function openAccount(
  agents: AgentWorker,
  limitNanoUsd: number,
  terms: object = {},
  name = `team-${randomUUID()}`,
) {
  const handle = await agents.client.workflow.start("budgetAccount", {
    taskQueue: agents.taskQueue,
    workflowId: `budget:${name}`,
    args: [{ account: name, limitUsd: (limitNanoUsd / 1e9).toFixed(9), ...terms }],
  });
  return { name, handle, balance: async () => await handle.query<BalanceView>("balance") };
}

async function race(agents: AgentWorker, account: string): Promise<readonly RunResult[]> {
  const started = await Promise.all(
    Array.from({ length: RUNS }, async () => await agents.start({ agent: "tester", input: "go", account })),
  );
  return await Promise.all(started.map(async (run) => await run.result()));
}

describe("200 runs that race for an account that pays for 60", () => {
  test.each<[string, object]>([
    ["one account", {}],
    ["a hot one, over four shards", { shards: 4 }],
  ])(
    "never pass its limit and use it up: %s",
    async (_, terms) => {
      const models = threeCalls();
      worker = await startAgentWorker({ models, tools: [noop], maxCachedWorkflows: 400 });
      const limit = 60 * CALLS_A_RUN * CALL;
      const account = await openAccount(worker, limit, terms);
      const results = await race(worker, account.name);
      const spent = results.reduce((sum, { cost }) => sum + cost.nanoUsd, 0);
      expect(spent).toBe(models.requests.length * CALL);
      expect(spent).toBeLessThanOrEqual(limit);
      expect(spent).toBeGreaterThanOrEqual(0.95 * limit);
      await eventually(
        async () => {
          expect(await account.balance()).toMatchObject({ spentNanoUsd: spent });
        },
        { withinMs: 60_000 },
      );
    },
    400_000,
  );
});

describe("200 runs that are cancelled, terminated, reset or parked at random points", () => {
  test("leave what is leased equal to what live runs hold, and every unspent dollar to new ones", async () => {
    const random = randomFrom(seeds(1)[0] ?? 0);
    const models = threeCalls();
    const tools = [{ ...noop, safe: false }];
    worker = await startAgentWorker({ models, tools, maxCachedWorkflows: 400 });
    const agents = worker;
    const account = await openAccount(worker, RUNS * CALLS_A_RUN * CALL * 2);
    const input = { agent: "tester", input: "go", account: account.name };
    const runs = await Promise.all(
      Array.from(
        { length: RUNS },
        async () => await agents.start({ ...input, approvals: { default: random.percent(50) ? "never" : "unsafe" } }),
      ),
    );
    for (const run of runs) {
      const what = random.pick(["cancel", "terminate", "reset", "park"] as const);
      if (what === "cancel") await run.cancel().catch(() => {});
      if (what === "terminate") await run.terminate("as planned").catch(() => {});
      if (what === "reset") await reset(agents, run.workflowId, random.int(0, 3));
    }
    await eventually(
      async () => {
        const held = await heldByLive(
          agents,
          runs.map(({ workflowId }) => workflowId),
        );
        expect((await account.balance()).leasedNanoUsd).toBe(held);
      },
      { withinMs: 60_000 },
    );
    // Runs that go on may make calls meanwhile: those made before the balance is read are in it.
    const made = models.requests.length;
    const { remainingNanoUsd, spentNanoUsd, leasedNanoUsd } = await account.balance();
    expect(spentNanoUsd + leasedNanoUsd).toBeGreaterThanOrEqual(made * CALL);
    const probe = {
      ...input,
      approvals: { default: "never" },
      budget: { limitUsd: (remainingNanoUsd / 1e9).toFixed(9) },
    };
    expect(await (await agents.start(probe)).result()).toMatchObject({ status: "completed" });
  }, 400_000);
});

/** Back to one of the first workflow tasks, where there are so many. */
async function reset({ client }: AgentWorker, workflowId: string, back: number): Promise<void> {
  const handle = client.workflow.getHandle(workflowId);
  const { events = [] } = await handle.fetchHistory();
  const tasks = (events ?? []).filter(
    ({ workflowTaskCompletedEventAttributes }) => workflowTaskCompletedEventAttributes,
  );
  const { eventId } = tasks[Math.min(tasks.length - 1, back)] ?? {};
  if (!eventId) return;
  await client.workflowService
    .resetWorkflowExecution({
      namespace: "default",
      workflowExecution: { workflowId },
      reason: "as planned",
      requestId: randomUUID(),
      workflowTaskFinishEventId: eventId,
    })
    .catch(() => {});
}

async function heldByLive({ client }: AgentWorker, workflowIds: readonly string[]): Promise<number> {
  let held = 0;
  for (const workflowId of workflowIds) {
    const handle = client.workflow.getHandle(workflowId);
    if ((await handle.describe()).status.name !== "RUNNING") continue;
    held += (await handle.query<{ leaseNanoUsd?: number }>("budget")).leaseNanoUsd ?? 0;
  }
  return held;
}

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { BalanceView } from "../../core/account.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { startOwnServer } from "../harness/own-server.js";
import { plainModels } from "../harness/plain-models.js";

/* An account lives for years, in one history after the other: nobody notices when it goes on in a new one. */

// A call costs $0.0011 at the most and in fact; a run makes three.
const CALL = 1_100_000;
const RUNS = 40;

let server: Awaited<ReturnType<typeof startOwnServer>>;
let worker: AgentWorker;
beforeAll(async () => {
  server = await startOwnServer({ dynamic: ["limit.historyCount.suggestContinueAsNew=60"] });
  const models = plainModels(({ turn, messages }) =>
    turn < (messages[0]?.text === "long" ? 30 : 3)
      ? { toolCalls: [{ id: `c${turn}`, name: "noop", args: {} }] }
      : { text: "done" },
  );
  const tools = [{ name: "noop", execute: async () => "done" }];
  worker = await startAgentWorker({ models, tools, address: server.address, maxCachedWorkflows: 200 });
}, 60_000);
afterAll(async () => {
  await worker.stop();
  await server.stop();
});

test("leases, limits, ids and the audit chain go along", async () => {
  const name = `long-${randomUUID()}`;
  const account = await worker.client.workflow.start("budgetAccount", {
    taskQueue: worker.taskQueue,
    workflowId: `budget:${name}`,
    args: [{ account: name, limitUsd: "1" }],
  });
  const latest = worker.client.workflow.getHandle(`budget:${name}`);
  const balance = async () => await latest.query<BalanceView>("balance");
  const topUp = async () => await latest.executeUpdate("addBudget", { args: [{ addUsd: "1", by: "ana", id: "once" }] });
  await topUp();
  for (let group = 0; group < 4; group += 1) {
    const runs = await Promise.all(
      Array.from({ length: RUNS / 4 }, async () => await worker.start({ agent: "tester", input: "go", account: name })),
    );
    for (const run of runs) expect(await run.result()).toMatchObject({ status: "completed" });
  }
  const spentNanoUsd = RUNS * 3 * CALL;
  expect(await balance()).toMatchObject({ spentNanoUsd, leasedNanoUsd: 0, holders: 0 });
  expect((await latest.describe()).runId).not.toBe(account.firstExecutionRunId);
  expect(await topUp()).toMatchObject({ limitNanoUsd: 2_000_000_000 });
  const records = () =>
    worker.published.filter(({ topic, key }) => topic === "wflo.audit" && key === `budget:${name}`).length;
  await eventually(() => expect(records()).toBe(2));
}, 120_000);

test("and so does the lease of a run that goes on in new histories", async () => {
  const name = `lease-${randomUUID()}`;
  const account = await worker.client.workflow.start("budgetAccount", {
    taskQueue: worker.taskQueue,
    workflowId: `budget:${name}`,
    args: [{ account: name, limitUsd: "0.035" }],
  });
  const run = await worker.start({ agent: "tester", input: "long", account: name });
  expect(await run.result()).toMatchObject({ status: "completed", turns: 30, cost: { nanoUsd: 30 * CALL } });
  expect((await worker.client.workflow.getHandle(run.workflowId).describe()).runId).not.toBe(run.firstExecutionRunId);
  const balance = await account.query<BalanceView>("balance");
  expect(balance).toMatchObject({ spentNanoUsd: 30 * CALL, leasedNanoUsd: 0, holders: 0 });
}, 60_000);

import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { BalanceView } from "../../core/account.js";
import { toNanoUsd } from "../../core/money.js";
import { type AgentWorker, startAgentWorker, type TestTool } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

// A call of the model costs $0.0011; one of the tool $0.05 at the most.
const CALL = 1_100_000;
const MOST = 50_000_000;

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

async function started(execute: TestTool["execute"], times = 1) {
  const models = plainModels(({ turn }) =>
    turn <= times ? { toolCalls: [{ id: `c${turn}`, name: "search", args: {} }] } : { text: "done" },
  );
  const tools = [{ name: "search", maxCostNanoUsd: toNanoUsd(MOST), ...(execute ? { execute } : {}) }];
  worker = await startAgentWorker({ models, tools });
  return worker;
}

describe("a tool that declares what it costs at the most", () => {
  test.each<[string, TestTool["execute"], number, number]>([
    ["is charged with what it says it cost", async () => ({ hits: 3, costUsd: "0.0123" }), 12_300_000, 0],
    ["is charged with the most where it says nothing", async () => ({ hits: 3 }), 0, MOST],
    ["and where it fails, since nobody knows", async () => await Promise.reject(new Error("cut")), 0, MOST],
    ["but not where nothing was run", undefined, 0, 0],
  ])("%s", async (_, execute, confirmed, unconfirmed) => {
    const { start } = await started(execute);
    const result = await (await start({ agent: "tester", input: "go", budget: { limitUsd: "1" } })).result();
    expect(result).toMatchObject({
      status: "completed",
      cost: { confirmedNanoUsd: 2 * CALL + confirmed, unconfirmedNanoUsd: unconfirmed },
    });
    expect(result.cost.byModel["tool/search"]).toMatchObject({ calls: 1, nanoUsd: confirmed + unconfirmed });
  });

  test("is not run where the budget does not have that much", async () => {
    let ran = 0;
    const { start } = await started(async () => {
      ran += 1;
      return { costUsd: "0.03" };
    }, 3);
    const run = await start({ agent: "tester", input: "go", budget: { limitUsd: "0.09" } });
    const stopReason = expect.stringContaining("the tool search may cost $0.05");
    expect(await run.result()).toMatchObject({ status: "budget_exhausted", stopReason, cost: { nanoUsd: 63_300_000 } });
    expect(ran).toBe(2);
  });

  test("waits for a top-up where the run is to pause", async () => {
    const { start } = await started(async () => ({ costUsd: "0.02" }));
    const budget = { limitUsd: "0.01", onExhausted: "pause" };
    const run = await start({ agent: "tester", input: "go", budget });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_budget" }));
    await run.executeUpdate("addBudget", { args: [{ addUsd: "1", by: "ana" }] });
    expect(await run.result()).toMatchObject({ status: "completed", cost: { nanoUsd: 2 * CALL + 20_000_000 } });
  });

  test("is paid by the run's account", async () => {
    const { start, client, taskQueue } = await started(async () => ({ costUsd: "0.02" }));
    const name = `team-${randomUUID()}`;
    const account = await client.workflow.start("budgetAccount", {
      taskQueue,
      workflowId: `budget:${name}`,
      args: [{ account: name, limitUsd: "1" }],
    });
    const run = await start({ agent: "tester", input: "go", account: name });
    expect(await run.result()).toMatchObject({ status: "completed" });
    const balance = await account.query<BalanceView>("balance");
    expect(balance).toMatchObject({ spentNanoUsd: 2 * CALL + 20_000_000, leasedNanoUsd: 0 });
  });

  test("that bills more than it declared is booked in full, and ends the run", async () => {
    const { start } = await started(async () => ({ costUsd: "0.07" }), 2);
    const run = await start({ agent: "tester", input: "go", budget: { limitUsd: "1" } });
    const cost = { nanoUsd: CALL + 70_000_000 };
    expect(await run.result()).toMatchObject({ status: "budget_exhausted", turns: 1, cost });
  });
});

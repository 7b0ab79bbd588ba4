import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { BalanceView } from "../../core/account.js";
import { picoPerToken } from "../../core/pricing.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { deferred } from "../harness/deferred.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

// A call costs $0.0011 at the most and in fact.
const CALL = 1_100_000;

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

const noop = { name: "noop", execute: async () => "done" };
const turns = (count: number) =>
  plainModels(({ turn }) =>
    turn < count ? { toolCalls: [{ id: `c${turn}`, name: "noop", args: {} }] } : { text: "done" },
  );

async function openAccount(agents: AgentWorker, terms: object, name = `team-${randomUUID()}`) {
  const handle = await agents.client.workflow.start("budgetAccount", {
    taskQueue: agents.taskQueue,
    workflowId: `budget:${name}`,
    args: [{ account: name, ...terms }],
  });
  const balance = async () => await handle.query<BalanceView>("balance");
  return { name, handle, balance };
}

describe("an account", () => {
  test("pays for a run, and has back what the run did not use", async () => {
    worker = await startAgentWorker({ models: turns(5), tools: [noop] });
    const account = await openAccount(worker, { limitUsd: "1" });
    const run = await worker.start({ agent: "tester", input: "go", account: account.name });
    expect(await run.result()).toMatchObject({ status: "completed", cost: { nanoUsd: 5 * CALL } });
    expect(await account.balance()).toMatchObject({ spentNanoUsd: 5 * CALL, leasedNanoUsd: 0, holders: 0 });
  });

  test("ends a run that it has no money for, and says which account", async () => {
    worker = await startAgentWorker({ models: turns(5), tools: [noop] });
    const account = await openAccount(worker, { limitUsd: "0.0025" });
    const run = await worker.start({ agent: "tester", input: "go", account: account.name });
    const stopReason = expect.stringContaining(account.name);
    expect(await run.result()).toMatchObject({ status: "budget_exhausted", stopReason, turns: 2 });
    expect(await account.balance()).toMatchObject({ spentNanoUsd: 2 * CALL, leasedNanoUsd: 0 });
  });

  test("wakes a run that waits for money once it is topped up", async () => {
    worker = await startAgentWorker({ models: turns(3), tools: [noop] });
    const account = await openAccount(worker, { limitUsd: "0.0012" });
    const budget = { onExhausted: "pause" };
    const run = await worker.start({ agent: "tester", input: "go", account: account.name, budget });
    await eventually(async () =>
      expect(await run.query("status")).toMatchObject({ state: "awaiting_budget", turn: 1 }),
    );
    const topUp = { addUsd: "1", by: "ana", id: "t1" };
    await account.handle.executeUpdate("addBudget", { args: [topUp] });
    expect(await run.result()).toMatchObject({ status: "completed", turns: 3 });
    expect(await account.handle.executeUpdate("addBudget", { args: [topUp] })).toMatchObject({
      limitNanoUsd: 1_001_200_000,
      spentNanoUsd: 3 * CALL,
    });
  });

  test("that is frozen stops its runs before their next call, and lets them go on", async () => {
    worker = await startAgentWorker({ models: turns(3), tools: [{ ...noop, safe: false }] });
    const account = await openAccount(worker, { limitUsd: "1" });
    const run = await worker.start({ agent: "tester", input: "go", account: account.name });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_approval" }));
    await account.handle.executeUpdate("freeze", { args: [{ by: "ana", reason: "looks odd" }] });
    await run.executeUpdate("decideApproval", { args: [{ gate: "g1", decision: "approve", by: "ana" }] });
    const doing = expect.stringContaining("frozen");
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_budget", doing }));
    await account.handle.executeUpdate("unfreeze", { args: [{ by: "ana" }] });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_approval" }));
    await run.executeUpdate("decideApproval", { args: [{ gate: "g2", decision: "approve", by: "ana" }] });
    expect(await run.result()).toMatchObject({ status: "completed" });
  });

  test("takes back what a terminated run had, and charges what it may have spent", async () => {
    const { promise, resolve } = deferred();
    const slow = { name: "noop", execute: async () => await promise.then(() => "done") };
    worker = await startAgentWorker({ models: turns(3), tools: [slow] });
    const account = await openAccount(worker, { limitUsd: "1" });
    const run = await worker.start({ agent: "tester", input: "go", account: account.name });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ turn: 1 }));
    expect((await account.balance()).leasedNanoUsd).toBeGreaterThan(CALL);
    await run.terminate("gone");
    resolve();
    await eventually(
      async () => expect(await account.balance()).toMatchObject({ spentNanoUsd: CALL, leasedNanoUsd: 0, holders: 0 }),
      { withinMs: 60_000 },
    );
  }, 90_000);

  test("leases of its parent, and never more than that has", async () => {
    worker = await startAgentWorker({ models: turns(5), tools: [noop] });
    const parent = await openAccount(worker, { limitUsd: "0.0035" });
    const child = await openAccount(worker, { limitUsd: "1", parent: parent.name });
    const run = await worker.start({ agent: "tester", input: "go", account: child.name });
    expect(await run.result()).toMatchObject({ status: "budget_exhausted", turns: 3 });
    expect(await child.balance()).toMatchObject({ spentNanoUsd: 3 * CALL, leasedNanoUsd: 0 });
  });

  test("with little left has a run go on with its cheaper model", async () => {
    const plain = turns(3);
    const cheap = { rates: { input: picoPerToken(0.1), output: picoPerToken(0.1) } };
    const facts = async (model: string, at: Date) => {
      const known = await plain.facts(model, at);
      return model === "plain/cheap" ? { ...known, price: cheap } : known;
    };
    worker = await startAgentWorker({ models: { ...plain, facts }, tools: [noop] });
    const account = await openAccount(worker, { limitUsd: "0.0015" });
    const models = ["plain/one", "plain/cheap"];
    const budget = { onExhausted: "degrade" };
    const run = await worker.start({ agent: "tester", input: "go", account: account.name, budget, models });
    const result = await run.result();
    expect(result).toMatchObject({ status: "completed", turns: 3, cost: { nanoUsd: CALL + 2 * (CALL / 10) } });
    expect(result.cost.byModel).toMatchObject({ "plain/one": { calls: 1 }, "plain/cheap": { calls: 2 } });
  });

  test("stops the runs of an account below it when it is frozen", async () => {
    worker = await startAgentWorker({ models: turns(2), tools: [{ ...noop, safe: false }] });
    const parent = await openAccount(worker, { limitUsd: "1" });
    const child = await openAccount(worker, { limitUsd: "1", parent: parent.name });
    const run = await worker.start({ agent: "tester", input: "go", account: child.name });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_approval" }));
    await parent.handle.executeUpdate("freeze", { args: [{ by: "ana" }] });
    await eventually(async () => expect(await child.balance()).toMatchObject({ frozen: true }));
    await run.executeUpdate("decideApproval", { args: [{ gate: "g1", decision: "approve", by: "ana" }] });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_budget" }));
    await parent.handle.executeUpdate("unfreeze", { args: [{ by: "ana" }] });
    expect(await run.result()).toMatchObject({ status: "completed" });
  });

  test("takes a limit below what is spent: nothing more is leased until it fits again", async () => {
    worker = await startAgentWorker({ models: turns(2), tools: [noop] });
    const account = await openAccount(worker, { limitUsd: "1" });
    const run = async () =>
      await (await (worker as AgentWorker).start({ agent: "tester", input: "go", account: account.name })).result();
    expect(await run()).toMatchObject({ status: "completed" });
    const lowered = await account.handle.executeUpdate("setLimit", { args: [{ limitUsd: "0.001", by: "ana" }] });
    expect(lowered).toMatchObject({ limitNanoUsd: 1_000_000, spentNanoUsd: 2 * CALL, remainingNanoUsd: 0 });
    expect(await run()).toMatchObject({ status: "budget_exhausted", turns: 0 });
    await account.handle.executeUpdate("setLimit", { args: [{ limitUsd: "0.01", by: "ana" }] });
    expect(await run()).toMatchObject({ status: "completed" });
  });

  test("refuses commands that make no sense, and goes on", async () => {
    worker = await startAgentWorker({ models: turns(1) });
    const account = await openAccount(worker, { limitUsd: "1" });
    for (const [name, payload] of [
      ["setLimit", { limitUsd: "-1", by: "ana" }],
      ["setLimit", { limitUsd: "1" }],
      ["addBudget", { addUsd: "9007199", by: "ana" }],
      ["addBudget", { addUsd: "NaN", by: "ana" }],
      ["freeze", {}],
    ] as const) {
      const refused = account.handle.executeUpdate(name, { args: [payload] });
      await expect(refused).rejects.toMatchObject({ cause: { type: "Refused" } });
    }
    for (const payload of [null, 7, {}, { leaseId: "x", capNanoUsd: -1 }, { lease: {} }]) {
      await account.handle.signal("lease", payload);
      await account.handle.signal("budgetCheck", payload);
    }
    expect(await account.balance()).toMatchObject({ limitNanoUsd: 1_000_000_000, holders: 0, frozen: false });
    const run = await worker.start({ agent: "tester", input: "go", account: account.name });
    expect(await run.result()).toMatchObject({ status: "completed" });
  });

  test.each<[string, object, RegExp]>([
    ["an unknown parent", { limitUsd: "1", parent: "nobody" }, /parent: there is no account nobody/],
    ["no limit", {}, /limitUsd: is missing/],
    ["a limit that is no number", { limitUsd: "NaN" }, /limitUsd: .*NaN/],
    ["a limit beyond all bounds", { limitUsd: "1e400" }, /limitUsd: .*1e400/],
    ["twenty decimals", { limitUsd: "0.00000000000000000001" }, /limitUsd: .*nine decimals/],
    ["a period that is none", { limitUsd: "1", period: "week" }, /period: must be one of day, month, total/],
    ["itself as its parent", { limitUsd: "1", parent: "own", account: "own" }, /parent: must be another account/],
  ])("with %s fails at once, and says so", async (_, terms, message) => {
    worker = await startAgentWorker({ models: turns(1) });
    const account = await openAccount(worker, terms);
    await expect(account.handle.result()).rejects.toMatchObject({
      cause: { type: "InvalidInput", message: expect.stringMatching(message) },
    });
  });

  test("that does not exist is told to the run that names it", async () => {
    worker = await startAgentWorker({ models: turns(1) });
    const run = await worker.start({ agent: "tester", input: "go", account: "nobody/here" });
    await expect(run.result()).rejects.toMatchObject({
      cause: { type: "InvalidInput", message: expect.stringContaining("nobody/here") },
    });
  });
});

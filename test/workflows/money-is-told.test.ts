import { afterEach, describe, expect, test } from "@jest/globals";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import { NO_USAGE } from "../../core/usage.js";
import { ModelCallFailed } from "../../ports/models.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

// A call costs $0.0011 at the most and in fact.
let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

/** A promise, and the word that keeps it. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}

function eventsOf(type: string): unknown[] {
  const values = (worker?.published ?? []).map(({ value }) => JSON.parse(value) as { type?: string; data: unknown });
  return values.filter((event) => event.type === type).map(({ data }) => data);
}

describe("what may have been billed", () => {
  test("is told once when it crosses the soft limit, though nobody has confirmed it", async () => {
    let lost = 0;
    const models = plainModels(() => {
      lost += 1;
      if (lost === 1) throw new ModelCallFailed("the stream was cut", { kind: "retry", billed: "unknown" });
      return { text: "ok" };
    });
    worker = await startAgentWorker({ models });
    const budget = { limitUsd: "0.01", softLimitUsd: "0.001" };
    const run = await worker.start({ agent: "tester", input: "go", budget });
    expect(await run.result()).toMatchObject({ status: "completed" });
    await eventually(() => expect(eventsOf("wflo.run.completed")).toHaveLength(1));
    expect(eventsOf("wflo.budget.warning")).toEqual([{ spentNanoUsd: 1_100_000 }]);
  });

  test("and turns out to be more than was reserved ends the run, which says so", async () => {
    const thinking = gate();
    const models = plainModels(async () => {
      await thinking.passed;
      const usage = { ...NO_USAGE, inputTokens: 50_000, outputTokens: 100 };
      return { toolCalls: [{ id: "c1", name: "noop", args: {} }], usage };
    });
    const slow = { name: "slow", instructions: "", models: ["plain/one"], tools: [], modelTimeoutMs: 1_000 };
    worker = await startAgentWorker({ models, agents: [slow] });
    const run = await worker.start({ agent: "slow", input: "go", budget: { limitUsd: "0.01" } });
    await eventually(async () => expect(await run.query("budget")).toMatchObject({ unconfirmedNanoUsd: 1_100_000 }));
    thinking.open();
    expect(await run.result()).toMatchObject({
      status: "budget_exhausted",
      stopReason: "the provider billed $0.049 more than the bound of the call",
      cost: { confirmedNanoUsd: 50_100_000, unconfirmedNanoUsd: 0 },
    });
    expect(models.requests).toHaveLength(1);
  });
});

test("a freeze that comes while a large input is stored holds the run, and does not end it", async () => {
  const store = createMemoryObjectStore();
  const stored = gate();
  const holding = gate();
  const slowStore = {
    ...store,
    putIfAbsent: async (key: string, value: Uint8Array) => {
      if (value.length > 50_000) {
        holding.open();
        await stored.passed;
      }
      return await store.putIfAbsent(key, value);
    },
  };
  worker = await startAgentWorker({ models: plainModels(() => ({ text: "ok" })), store: slowStore });
  const run = await worker.start({ agent: "tester", input: "x".repeat(60_000), budget: { limitUsd: "0.01" } });
  await holding.passed;
  await run.signal("budgetCheck", { freeze: true, by: "ana" });
  await eventually(async () => expect(await run.query("budget")).toMatchObject({ frozen: true }));
  stored.open();
  await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_budget" }));
  await run.signal("budgetCheck", { freeze: false, by: "ana" });
  expect(await run.result()).toMatchObject({ status: "completed", output: "ok" });
});

function audit(): { action: string; by?: string; facts: object }[] {
  const values = (worker?.published ?? []).filter(({ topic }) => topic === "wflo.audit").map(({ value }) => value);
  return [...new Set(values)].map((value) => JSON.parse(value));
}

describe("people's words about money", () => {
  const asking = () =>
    plainModels(({ turn }) => (turn === 1 ? { toolCalls: [{ id: "c1", name: "ask", args: {} }] } : { text: "ok" }));

  test("with an id count beside messages with the same id", async () => {
    worker = await startAgentWorker({ models: asking(), tools: [{ name: "ask", kind: "human" }] });
    const run = await worker.start({ agent: "tester", input: "go", budget: { limitUsd: "0.01" } });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_approval" }));
    await run.signal("message", { text: "hurry", id: "1" });
    for (const _again of [1, 2]) await run.signal("budgetCheck", { addUsd: "0.02", by: "ana", id: "1" });
    expect(await run.query("budget")).toMatchObject({ limitNanoUsd: 30_000_000 });
    await run.signal("approve", { gate: "g1", by: "ana", comment: "yes" });
    expect(await run.result()).toMatchObject({ status: "completed" });
  });

  test("that ask for a limit beyond every amount are refused with the reason, and the run goes on", async () => {
    worker = await startAgentWorker({ models: asking(), tools: [{ name: "ask", kind: "human" }] });
    const run = await worker.start({ agent: "tester", input: "go", budget: { limitUsd: "1" } });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_approval" }));
    const update = run.executeUpdate("addBudget", { args: [{ addUsd: "9007199", by: "ana" }] });
    const message = expect.stringContaining("are more than $9,007,199, the most that a limit can be");
    await expect(update).rejects.toMatchObject({ cause: { type: "Refused", message } });
    expect(await run.query("budget")).toMatchObject({ limitNanoUsd: 1_000_000_000 });
    await run.signal("budgetCheck", { addUsd: "9007199", by: "ana" });
    expect(await run.query("budget")).toMatchObject({ limitNanoUsd: 1_000_000_000 });
    await run.signal("approve", { gate: "g1", by: "ana", comment: "yes" });
    expect(await run.result()).toMatchObject({ status: "completed" });
    const refused = { action: "command.refused", by: "ana", facts: expect.objectContaining({ message }) };
    await eventually(() => expect(audit()).toContainEqual(expect.objectContaining(refused)));
  });

  test("that raise a limit as far as it goes are answered again by their id, and count once", async () => {
    worker = await startAgentWorker({ models: asking(), tools: [{ name: "ask", kind: "human" }] });
    const run = await worker.start({ agent: "tester", input: "go", budget: { limitUsd: "1" } });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_approval" }));
    const most = { addUsd: "9007198", by: "ana", id: "most" };
    for (const word of [most, most, { ...most, addUsd: "1" }]) {
      const budget = await run.executeUpdate("addBudget", { args: [word] });
      expect(budget).toMatchObject({ limitNanoUsd: 9_007_199_000_000_000 });
    }
    const another = run.executeUpdate("addBudget", { args: [{ ...most, id: "another" }] });
    await expect(another).rejects.toMatchObject({ cause: { type: "Refused", details: [{ reason: "invalid" }] } });
    await run.signal("budgetCheck", most);
    await run.signal("approve", { gate: "g1", by: "ana", comment: "yes" });
    expect(await run.result()).toMatchObject({ status: "completed" });
    await eventually(() => expect(audit().map(({ action }) => action)).toContain("run.ended"));
    expect(audit().filter(({ action }) => action === "command.refused")).toEqual([]);
  });

  test("that top up a run without a budget are refused on record; a freeze beside it holds", async () => {
    worker = await startAgentWorker({ models: asking(), tools: [{ name: "ask", kind: "human" }] });
    const run = await worker.start({ agent: "tester", input: "go" });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_approval" }));
    await run.signal("budgetCheck", { addUsd: "1", by: "ana" });
    await run.signal("budgetCheck", { addUsd: "1", freeze: true, by: "ben" });
    expect(await run.query("budget")).toMatchObject({ limitNanoUsd: null, frozen: true });
    await run.signal("budgetCheck", { freeze: false, by: "ben" });
    await run.signal("approve", { gate: "g1", by: "ana", comment: "yes" });
    expect(await run.result()).toMatchObject({ status: "completed" });
    await eventually(() => expect(audit().map(({ action }) => action)).toContain("run.ended"));
    const told = audit().filter(({ action }) => action === "command.refused" || action === "budget.changed");
    expect(told.map(({ action, by }) => `${action} ${by}`)).toEqual([
      "command.refused ana",
      "command.refused ben",
      "budget.changed ben",
      "budget.changed ben",
    ]);
  });
});

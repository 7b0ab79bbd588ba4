import { afterEach, describe, expect, test } from "@jest/globals";
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

const noop = { name: "noop", execute: async () => "done" };
const forever = () => plainModels(({ turn }) => ({ toolCalls: [{ id: `c${turn}`, name: "noop", args: {} }] }));

describe("a first limit for a run whose model has no price", () => {
  /** `plain/free` has none, `plain/priced` has one; the run asks people after its first answer, and the limit comes then. */
  async function limited(models: readonly string[], unpriced: "refuse" | "allow") {
    const priced = plainModels(({ turn, model }) =>
      turn === 1 ? { toolCalls: [{ id: "c1", name: "ask", args: {} }] } : { text: model },
    );
    const facts = async (model: string) => {
      const { price, ...rest } = await priced.facts(model, new Date());
      return model === "plain/free" || !price ? rest : { ...rest, price };
    };
    const tools = [{ name: "ask", kind: "human" } as const];
    worker = await startAgentWorker({ models: { ...priced, facts }, tools, unpriced });
    const run = await worker.start({ agent: "tester", input: "go", models });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_approval" }));
    await run.signal("budgetCheck", { limitUsd: "5", by: "ana" });
    await run.signal("approve", { gate: "g1", by: "ana", comment: "yes" });
    return { result: await run.result(), asked: priced.requests.map(({ model }) => model) };
  }

  test("is taken, and ends the run before the call that it could not hold, with what to do", async () => {
    const { result, asked } = await limited(["plain/free"], "refuse");
    const stopReason = expect.stringMatching(/plain\/free has no price.*WFLO_PRICES.*WFLO_UNPRICED=allow.*fork/);
    expect(result).toMatchObject({ status: "budget_exhausted", stopReason, turns: 1, cost: { unpricedCalls: 1 } });
    expect(asked).toEqual(["plain/free"]);
  });

  test.each<[string, string[], "refuse" | "allow", string[]]>([
    [
      "has the run go on with the next model that has a price",
      ["plain/free", "plain/priced"],
      "refuse",
      ["plain/priced"],
    ],
    ["changes nothing where such models are allowed", ["plain/free"], "allow", ["plain/free"]],
    ["changes nothing for a model that has one", ["plain/priced", "plain/free"], "refuse", ["plain/priced"]],
  ])("%s", async (_, models, unpriced, next) => {
    const { result, asked } = await limited(models, unpriced);
    expect(result).toMatchObject({ status: "completed", output: next[0] });
    expect(asked.slice(1)).toEqual(next);
  });
});

describe("a budget", () => {
  test("ends the run before the call that it does not pay for", async () => {
    const models = forever();
    worker = await startAgentWorker({ models, tools: [noop] });
    const run = await worker.start({ agent: "tester", input: "go", budget: { limitUsd: "0.0025" } });
    const result = await run.result();
    expect(result).toMatchObject({
      status: "budget_exhausted",
      turns: 2,
      cost: { nanoUsd: 2_200_000, unconfirmedNanoUsd: 0 },
    });
    expect(models.requests).toHaveLength(2);
  });

  test("fails the run where the caller asked for an error", async () => {
    worker = await startAgentWorker({ models: forever(), tools: [noop] });
    const run = await worker.start({
      agent: "tester",
      input: "go",
      budget: { limitUsd: "0.001", onExhausted: "throw" },
    });
    await expect(run.result()).rejects.toMatchObject({ cause: { type: "BudgetExhausted" } });
  });

  test("waits for a top-up under pause, and the top-up counts once by its id", async () => {
    const models = plainModels(({ turn }) =>
      turn < 3 ? { toolCalls: [{ id: `c${turn}`, name: "noop", args: {} }] } : { text: "ok" },
    );
    worker = await startAgentWorker({ models, tools: [noop] });
    const run = await worker.start({
      agent: "tester",
      input: "go",
      budget: { limitUsd: "0.0011", onExhausted: "pause" },
    });
    await eventually(async () =>
      expect(await run.query("status")).toMatchObject({ state: "awaiting_budget", turn: 1 }),
    );
    for (const _again of [1, 2]) {
      const budget = await run.executeUpdate("addBudget", { args: [{ addUsd: "0.0011", by: "ana", id: "top-up-1" }] });
      expect(budget).toMatchObject({ limitNanoUsd: 2_200_000 });
    }
    await eventually(async () =>
      expect(await run.query("status")).toMatchObject({ state: "awaiting_budget", turn: 2 }),
    );
    await run.signal("budgetCheck", { addUsd: 1, by: "ana" });
    expect(await run.result()).toMatchObject({ status: "completed", turns: 3, cost: { nanoUsd: 3_300_000 } });
  });

  test("goes to the next model that fits under degrade", async () => {
    const models = plainModels(({ turn }) =>
      turn < 3 ? { toolCalls: [{ id: `c${turn}`, name: "noop", args: {} }] } : { text: "ok" },
    );
    const cheaper = {
      ...models,
      knownBound: async (name: string) => ({
        inputTokens: name === "plain/one" ? 1_000_000 : 1_000,
        outputTokens: 100,
      }),
    };
    worker = await startAgentWorker({ models: cheaper, tools: [noop] });
    const run = await worker.start({
      agent: "tester",
      input: "go",
      models: ["plain/one", "plain/two"],
      budget: { limitUsd: "0.01", onExhausted: "degrade" },
    });
    expect(await run.result()).toMatchObject({ status: "completed", cost: { byModel: { "plain/two": { calls: 3 } } } });
  });

  test("books an attempt whose bill is unknown, and buys the next one only if that is paid for too", async () => {
    const models = plainModels(() => {
      throw new ModelCallFailed("the stream was cut", { kind: "retry", billed: "unknown" });
    });
    worker = await startAgentWorker({ models });
    const run = await worker.start({ agent: "tester", input: "go", budget: { limitUsd: "0.0025" } });
    const result = await run.result();
    expect(result).toMatchObject({
      status: "budget_exhausted",
      cost: { nanoUsd: 2_200_000, confirmedNanoUsd: 0, unconfirmedNanoUsd: 2_200_000 },
    });
    expect(models.requests).toHaveLength(2);
  });

  test("is not touched by attempts that were provably not billed", async () => {
    let refusals = 2;
    const models = plainModels(() => {
      if (refusals-- > 0)
        throw new ModelCallFailed("429", { kind: "retry", billed: "none", status: 429, retryAfterMs: 10 });
      return { text: "at last" };
    });
    worker = await startAgentWorker({ models });
    const run = await worker.start({ agent: "tester", input: "go", budget: { limitUsd: "0.0011" } });
    expect(await run.result()).toMatchObject({ status: "completed", output: "at last", cost: { nanoUsd: 1_100_000 } });
  });

  test("that is frozen stops the run before its next call, until it is unfrozen", async () => {
    const models = plainModels(({ turn }) =>
      turn < 3 ? { toolCalls: [{ id: `c${turn}`, name: "ask", args: {} }] } : { text: "ok" },
    );
    worker = await startAgentWorker({ models, tools: [{ name: "ask", kind: "human" }] });
    const run = await worker.start({ agent: "tester", input: "go", budget: { limitUsd: "1" } });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_approval" }));
    await run.signal("budgetCheck", { freeze: true, by: "ana" });
    await run.signal("approve", { gate: "g1", by: "ana", comment: "yes" });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_budget" }));
    expect(models.requests).toHaveLength(1);
    await run.signal("budgetCheck", { freeze: false, by: "ana" });
    await eventually(async () =>
      expect(await run.query("status")).toMatchObject({ state: "awaiting_approval", turn: 2 }),
    );
    await run.executeUpdate("decideApproval", { args: [{ gate: "g2", decision: "approve", by: "ana" }] });
    expect(await run.result()).toMatchObject({ status: "completed", turns: 3 });
  });
});

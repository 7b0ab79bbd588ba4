import { afterEach, describe, expect, test } from "@jest/globals";
import { ModelCallFailed } from "../../ports/models.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

/** Two seconds are promised, and measured by `npm run bench`; a busy test machine may take a little longer. */
const CUT_WITHIN_MS = 6_000;

/** A model that thinks until it is cut; `cutAfterMs` says how long that took since `since`. */
function thinkingModels() {
  const cuts: number[] = [];
  const models = plainModels(async (_request, signal) => {
    if (cuts.length > 0) return { text: "done" };
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    cuts.push(performance.now());
    throw new ModelCallFailed("cut", { kind: "cancelled", billed: "unknown" });
  });
  return { models, cuts };
}

async function startThinking() {
  const { models, cuts } = thinkingModels();
  worker = await startAgentWorker({ models });
  const run = await worker.start({ agent: "tester", input: "think", budget: { limitUsd: "1" } });
  await eventually(() => expect(models.requests).toHaveLength(1));
  return { models, cuts, run };
}

describe("a call that is under way", () => {
  test("is closed within two seconds when the run is cancelled, and stays on the books", async () => {
    const { cuts, run } = await startThinking();
    const since = performance.now();
    await run.cancel();
    await expect(run.result()).rejects.toMatchObject({ cause: { name: "CancelledFailure" } });
    expect((cuts[0] ?? Number.POSITIVE_INFINITY) - since).toBeLessThan(CUT_WITHIN_MS);
    expect(await run.query("budget")).toMatchObject({ unconfirmedNanoUsd: 1_100_000, reservedNanoUsd: 0 });
  });

  test("is closed within two seconds by pause, and resume asks again with a reservation of its own", async () => {
    const { cuts, models, run } = await startThinking();
    const since = performance.now();
    await run.signal("pause", { by: "ana" });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "paused" }));
    expect((cuts[0] ?? Number.POSITIVE_INFINITY) - since).toBeLessThan(CUT_WITHIN_MS);
    expect(await run.query("budget")).toMatchObject({ unconfirmedNanoUsd: 1_100_000, reservedNanoUsd: 0 });
    await run.signal("resume", { by: "ana" });
    expect(await run.result()).toMatchObject({
      status: "completed",
      cost: { nanoUsd: 2_200_000, unconfirmedNanoUsd: 1_100_000 },
    });
    expect(models.requests).toHaveLength(2);
  });

  test("is closed by a freeze, and unfreezing goes on", async () => {
    const { run } = await startThinking();
    await run.signal("budgetCheck", { freeze: true, by: "ana" });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_budget" }));
    await run.signal("budgetCheck", { freeze: false, by: "ana" });
    expect(await run.result()).toMatchObject({ status: "completed" });
  });

  test("ends with the run's wall time", async () => {
    const { models } = thinkingModels();
    worker = await startAgentWorker({ models });
    const run = await worker.start({ agent: "tester", input: "think", limits: { wallTime: "1s" } });
    expect(await run.result()).toMatchObject({ status: "limit_reached", stopReason: "wallTime: the run may take 1s" });
  });
});

describe("a message", () => {
  test("that comes while the model thinks is heard in the next turn, once by its id", async () => {
    let release = () => {};
    const thought = new Promise<void>((resolve) => {
      release = resolve;
    });
    const models = plainModels(async ({ turn }) => {
      if (turn === 1) await thought;
      return { text: `answer ${turn}` };
    });
    worker = await startAgentWorker({ models });
    const run = await worker.start({ agent: "tester", input: "hello" });
    await eventually(() => expect(models.requests).toHaveLength(1));
    expect(await run.executeUpdate("sendMessage", { args: [{ text: "and also this", by: "ana", id: "m1" }] })).toEqual({
      turn: 2,
    });
    await run.signal("message", { text: "and also this", id: "m1" });
    await run.signal("message", { text: "one more" });
    release();
    expect(await run.result()).toMatchObject({ status: "completed", output: "answer 2", turns: 2 });
    expect(models.requests[1]?.messages.slice(-2).map(({ text }) => text)).toEqual(["and also this", "one more"]);
  });

  test("above 256 KiB is refused as an update, with what to do", async () => {
    worker = await startAgentWorker({
      models: plainModels(({ turn }) =>
        turn === 1 ? { toolCalls: [{ id: "c", name: "ask", args: {} }] } : { text: "ok" },
      ),
      tools: [{ name: "ask", kind: "human" }],
    });
    const run = await worker.start({ agent: "tester", input: "hello" });
    const update = run.executeUpdate("sendMessage", { args: [{ text: "x".repeat(300 * 1024) }] });
    await expect(update).rejects.toMatchObject({ cause: { message: expect.stringContaining("blob") } });
    await run.terminate();
  });
});

test("a wrong input fails the run at once, naming every wrong field", async () => {
  worker = await startAgentWorker({ models: plainModels(() => ({ text: "" })) });
  const run = await worker.start({ agent: "", maxTurns: -1, budget: { limitUsd: "1e400" }, approvals: { quorum: 0 } });
  const problem = { type: "InvalidInput", message: expect.stringMatching(/agent.*input.*maxTurns|maxTurns/s) };
  await expect(run.result()).rejects.toMatchObject({ cause: problem });
  for (const field of ["agent", "input", "maxTurns", "budget.limitUsd", "approvals.quorum"]) {
    await expect(run.result()).rejects.toMatchObject({ cause: { message: expect.stringContaining(`${field}:`) } });
  }
});

test("unknown agents and models are named, with what there is", async () => {
  worker = await startAgentWorker({ models: plainModels(() => ({ text: "" })) });
  const agent = await worker.start({ agent: "nobody", input: "x" });
  await expect(agent.result()).rejects.toMatchObject({
    cause: { type: "UnknownAgent", message: expect.stringContaining("tester") },
  });
  const model = await worker.start({ agent: "tester", input: "x", model: "nowhere/none" });
  await expect(model.result()).rejects.toMatchObject({ cause: { type: "UnknownModel" } });
  const account = await worker.start({ agent: "tester", input: "x", account: "acme/search" });
  await expect(account.result()).rejects.toMatchObject({
    cause: { type: "InvalidInput", message: expect.stringContaining("acme/search") },
  });
});

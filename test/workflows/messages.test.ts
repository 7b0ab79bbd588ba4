import { afterEach, describe, expect, test } from "@jest/globals";
import type { WorkflowHandle } from "@temporalio/client";
import type { GateView } from "../../core/gate.js";
import type { LogRecord } from "../../ports/event-log.js";
import { ModelCallFailed, type ModelRequest } from "../../ports/models.js";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { deferred } from "../harness/deferred.js";
import { eventually } from "../harness/eventually.js";
import { historiesOf, typesOf } from "../harness/histories.js";
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

const say = async (run: WorkflowHandle, text: unknown, id?: string) =>
  await run.executeUpdate<{ turn: number }, [object]>("sendMessage", { args: [{ text, ...(id ? { id } : {}) }] });
const ask = { name: "ask", kind: "human" } as const;
const untilAsked = async (run: WorkflowHandle, gate: string) =>
  await eventually(async () =>
    expect(await run.query<GateView[]>("approvals")).toContainEqual(
      expect.objectContaining({ gate, state: "pending" }),
    ),
  );
const approve = async (run: WorkflowHandle, gate: string) =>
  await run.signal("approve", { gate, by: "ana", comment: "ok" });

/** The turn of the first request that has this text. */
const hearingOf = (requests: readonly ModelRequest[], text: string) =>
  requests.find(({ messages }) => messages.some((message) => message.text === text))?.turn;

test("the turn that sendMessage answers is the one that hears it: while asked, while thinking, behind a lost attempt", async () => {
  const first = deferred();
  const models = plainModels(async ({ turn }) => {
    if (models.requests.length === 1) {
      await first.promise;
      throw new ModelCallFailed("cut", { kind: "retry", billed: "unknown" });
    }
    return turn < 4 ? { toolCalls: [{ id: `c${turn}`, name: "ask", args: {} }] } : { text: "done" };
  });
  const run = await start({ models, tools: [ask] }, { budget: { limitUsd: "0.0021", onExhausted: "pause" } });
  await eventually(() => expect(models.requests).toHaveLength(1));
  const told: Record<string, number> = {};
  const note = async (text: string) => {
    told[text] = (await say(run, text, text)).turn;
  };
  await note("while it thinks");
  first.resolve();
  await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_budget" }));
  await note("while a lost attempt waits for money");
  await run.signal("budgetCheck", { addUsd: 1, by: "ana" });
  await untilAsked(run, "g1");
  await note("while people are asked");
  expect((await say(run, "while it thinks", "while it thinks")).turn).toBe(told["while it thinks"]);
  await approve(run, "g1");
  await untilAsked(run, "g2");
  await approve(run, "g2");
  await untilAsked(run, "g3");
  await approve(run, "g3");
  await run.result();
  expect(told).toEqual({
    "while it thinks": 2,
    "while a lost attempt waits for money": 2,
    "while people are asked": 2,
  });
  for (const [text, turn] of Object.entries(told)) expect(hearingOf(models.requests, text)).toBe(turn);
});

test("a correction that is said while the run is paused is heard when it goes on", async () => {
  const models = plainModels(async ({ messages }, signal) => {
    if (models.requests.length > 1) return { text: String(messages.at(-1)?.text) };
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    throw new ModelCallFailed("cut", { kind: "cancelled", billed: "unknown" });
  });
  const run = await start({ models });
  await eventually(() => expect(models.requests).toHaveLength(1));
  await run.signal("pause", { by: "ana" });
  await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "paused" }));
  expect(await say(run, "do it otherwise")).toEqual({ turn: 1 });
  await run.signal("resume", { by: "ana" });
  expect(await run.result()).toMatchObject({ output: "do it otherwise", turns: 1 });
});

describe("a message that comes while the run ends", () => {
  /** A broker that holds the word of a run's end back until it is told to go on. */
  function holdingBack() {
    const reached = deferred();
    const release = deferred();
    const records: LogRecord[] = [];
    const eventLog = {
      publish: async (_topic: string, batch: readonly LogRecord[]) => {
        records.push(...batch);
        if (!batch.some(({ value }) => value.includes("wflo.run.completed"))) return;
        reached.resolve();
        await release.promise;
      },
      close: async () => {},
    };
    return { eventLog, records, reached: reached.promise, release: release.resolve };
  }

  test.each<[string, (run: WorkflowHandle) => Promise<unknown>]>([
    ["as a signal", async (run) => await run.signal("message", { text: "one more thing" })],
    ["as an update", async (run) => expect(await say(run, "one more thing")).toEqual({ turn: 2 })],
  ])("%s gets a turn of its own, and the events tell it", async (_, send) => {
    const { eventLog, records, reached, release } = holdingBack();
    const models = plainModels(({ messages }) => ({ text: `heard: ${messages.at(-1)?.text}` }));
    const run = await start({ models, eventLog });
    await reached;
    await send(run);
    release();
    expect(await run.result()).toMatchObject({ status: "completed", output: "heard: one more thing", turns: 2 });
    await eventually(() =>
      expect(records.filter(({ value }) => value.includes("run.ended")).length).toBeGreaterThan(1),
    );
    const events = records.map(({ value }) => JSON.parse(value)).filter(({ type }) => type !== undefined);
    const once = [...new Map(events.map((event) => [event.id, event])).values()];
    expect(once.map(({ type }) => type)).toEqual([
      "wflo.run.started",
      "wflo.model.called",
      "wflo.run.completed",
      "wflo.run.started",
      "wflo.model.called",
      "wflo.run.completed",
    ]);
    expect(new Set(events.map(({ id, type }) => `${id} ${type}`)).size).toBe(once.length);
  });

  test("but may take no more turns is kept in the transcript, and a fork hears it", async () => {
    const thought = deferred();
    const models = plainModels(async ({ messages }) => {
      if (models.requests.length === 1) await thought.promise;
      return { text: `heard: ${messages.at(-1)?.text}` };
    });
    const run = await start({ models }, { maxTurns: 1 });
    await eventually(() => expect(models.requests).toHaveLength(1));
    await run.signal("message", { text: "too late" });
    thought.resolve();
    const { transcript, ...result } = await run.result();
    expect(result).toMatchObject({ status: "max_turns", turns: 1, output: "heard: go" });
    const fork = await (worker as AgentWorker).start({ agent: "tester", fork: { transcript } });
    expect(await fork.result()).toMatchObject({ status: "completed", output: "heard: too late", turns: 1 });
  });

  test("and finds it ended is refused, not swallowed", async () => {
    const run = await start({ models: plainModels(() => ({ text: "done" })) });
    await run.result();
    await expect(say(run, "too late")).rejects.toThrow();
    await expect(run.signal("message", { text: "too late" })).rejects.toThrow();
  });
});

describe("a message by its address", () => {
  test("is heard in full, in its place among the others", async () => {
    const models = plainModels(({ turn }) =>
      turn === 1 ? { toolCalls: [{ id: "c", name: "ask", args: {} }] } : { text: "done" },
    );
    const run = await start({ models, tools: [ask] });
    await untilAsked(run, "g1");
    const long = "a long story ".repeat(100_000);
    const { ref } = await (worker as AgentWorker).blobs.put(long);
    const middle = "x".repeat(100_000);
    for (const text of ["before", { ref }, "between", middle, "after"]) await run.signal("message", { text });
    await approve(run, "g1");
    await run.result();
    const short = (text: unknown) => (String(text).length > 100 ? `${String(text).length} characters` : text);
    const heard = models.requests[1]?.messages.filter(({ role }) => role === "user").map(({ text }) => short(text));
    expect(heard).toEqual(["go", "before", short(long), "between", short(middle), "after"]);
  });

  test("that is not there is refused as an update, and on record as a signal; the run goes on", async () => {
    const models = plainModels(({ turn }) =>
      turn === 1 ? { toolCalls: [{ id: "c", name: "ask", args: {} }] } : { text: "done" },
    );
    const run = await start({ models, tools: [ask] });
    await untilAsked(run, "g1");
    const nowhere = { ref: `sha256:${"0".repeat(64)}` };
    const message = expect.stringContaining("text: the blob sha256:0000");
    await expect(say(run, nowhere)).rejects.toMatchObject({ cause: { message } });
    await run.signal("message", { text: nowhere, by: "ana" });
    await approve(run, "g1");
    expect(await run.result()).toMatchObject({ status: "completed" });
    await eventually(() => {
      const actions = worker?.published.map(({ value }) => JSON.parse(value)).filter(({ action }) => action);
      expect(actions).toContainEqual(expect.objectContaining({ action: "command.refused", by: "ana" }));
    });
  });
});

test("5,000 signals in a burst are all heard, in one turn, and the run goes on as before", async () => {
  const thought = deferred();
  const models = plainModels(async ({ turn }) => {
    if (turn === 1) await thought.promise;
    return { text: `answer ${turn}` };
  });
  const run = await start({ models, maxCachedWorkflows: 10 });
  await eventually(() => expect(models.requests).toHaveLength(1));
  const texts = Array.from({ length: 5_000 }, (_, at) => `message ${at}`);
  for (let at = 0; at < texts.length; at += 100) {
    const some = texts.slice(at, at + 100);
    await Promise.all(some.map(async (text) => await run.signal("message", { text, id: text })));
  }
  thought.resolve();
  expect(await run.result()).toMatchObject({ status: "completed", turns: 2, output: "answer 2" });
  const heard = models.requests[1]?.messages.filter(({ role }) => role === "user").map(({ text }) => text);
  expect(heard).toHaveLength(5_001);
  expect(new Set(heard)).toEqual(new Set(["go", ...texts]));
  const histories = await historiesOf((worker as AgentWorker).client, run.workflowId, run.firstExecutionRunId);
  const types = histories.flatMap(({ events }) => typesOf(events));
  expect(types.filter((type) => type === "WORKFLOW_EXECUTION_SIGNALED")).toHaveLength(5_000);
}, 180_000);

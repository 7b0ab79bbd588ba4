import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { WorkflowHandle } from "@temporalio/client";
import { type AuditRecord, verifyChain } from "../../core/audit.js";
import type { GateView } from "../../core/gate.js";
import type { RunResult } from "../../core/run.js";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { createCountingStore } from "../harness/counting-store.js";
import { deferred } from "../harness/deferred.js";
import { eventually } from "../harness/eventually.js";
import { historiesOf, largestPayload, payloadsOf, typesOf } from "../harness/histories.js";
import { type OwnServer, startOwnServer } from "../harness/own-server.js";
import { plainModels } from "../harness/plain-models.js";

/*
 * The server of this suite suggests a new history after 60 events, so that runs of a few turns go through several: nobody
 * outside may notice.
 */

let server: OwnServer;
let worker: AgentWorker | undefined;
beforeAll(async () => {
  server = await startOwnServer({ dynamic: ["limit.historyCount.suggestContinueAsNew=60"] });
});
afterAll(async () => await server.stop());
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

async function start(world: TestWorld): Promise<AgentWorker> {
  worker = await startAgentWorker({ ...world, address: server.address });
  return worker;
}

const noop = { name: "noop", execute: async () => "done" };
const ask = { name: "ask", kind: "human" } as const;
const call = (name: string, turn: number, args: object = {}) => ({
  toolCalls: [{ id: `c${turn}`, name, args: args as never }],
});
const histories = async (run: WorkflowHandle & { firstExecutionRunId: string }) =>
  await historiesOf((worker as AgentWorker).client, run.workflowId, run.firstExecutionRunId);

/** What was published, each event once. */
function published(topic: string): Record<string, unknown>[] {
  const records = (worker as AgentWorker).published.filter((record) => record.topic === topic);
  const parsed = records.map(({ value }) => JSON.parse(value) as Record<string, unknown>);
  const key = (one: Record<string, unknown>) => String(one.id ?? one.hash);
  return [...new Map(parsed.map((one) => [key(one), one])).values()];
}

describe("a long run", () => {
  test("goes through several histories to one answer, one bill, and one chain of events and records", async () => {
    const models = plainModels(({ turn }) => (turn < 25 ? call("noop", turn, { turn }) : { text: "done" }));
    const { start: run } = await start({ models, tools: [noop] });
    const handle = await run({ agent: "tester", input: "go", budget: { limitUsd: "1" }, labels: { team: "search" } });
    const result = await handle.result();
    expect(result).toMatchObject({ status: "completed", output: "done", turns: 25, cost: { nanoUsd: 25 * 1_100_000 } });
    expect((await histories(handle)).length).toBeGreaterThan(3);
    expect(models.requests.map(({ turn }) => turn)).toEqual(Array.from({ length: 25 }, (_, at) => at + 1));
    const last = models.requests.at(-1);
    expect(last?.messages).toHaveLength(1 + 24 * 2);

    await eventually(() => expect(published("wflo.events").at(-1)).toMatchObject({ type: "wflo.run.completed" }));
    const sequences = published("wflo.events").map(({ sequence }) => Number(sequence));
    expect(sequences).toEqual(sequences.map((_, at) => at + 1));
    const records = published("wflo.audit") as unknown as AuditRecord[];
    expect(verifyChain(records, result.audit as never)).toEqual({ ok: true });
  });

  test("is found by the same search attributes, and each history begins from a small input", async () => {
    const models = plainModels(({ turn }) => (turn < 12 ? call("noop", turn, { turn }) : { text: "done" }));
    const { start: run, client } = await start({ models, tools: [noop] });
    const handle = await run({ agent: "tester", input: "go ".repeat(2_000), labels: { team: "search" } });
    await handle.result();
    const { searchAttributes } = await client.workflow.getHandle(handle.workflowId).describe();
    expect(searchAttributes).toMatchObject({ WfloAgent: ["tester"], WfloStatus: ["completed"], WfloTurn: [12] });
    for (const { events } of (await histories(handle)).slice(1))
      expect(largestPayload(events).bytes).toBeLessThan(32 * 1024);
  });
});

describe("what people have sent", () => {
  /** A run that waits for people in its first turn, and then says how many messages it has heard. */
  const listening = (turns = 2) =>
    plainModels(({ turn, messages }) =>
      turn < turns ? call("ask", turn) : { text: String(messages.filter(({ role }) => role === "user").length - 1) },
    );
  const waitsAt = async (run: WorkflowHandle, gate: string) =>
    await eventually(async () =>
      expect(await run.query<GateView[]>("approvals")).toContainEqual(
        expect.objectContaining({ gate, state: "pending" }),
      ),
    );

  test("is heard once each and in order over histories, and an id counts once for ever", async () => {
    const models = listening();
    const { start: run } = await start({ models, tools: [ask] });
    const handle = await run({ agent: "tester", input: "go" });
    await waitsAt(handle, "g1");
    const texts = Array.from({ length: 150 }, (_, at) => `message ${at}`);
    for (const text of texts) await handle.signal("message", { text, id: text });
    for (const text of texts.slice(0, 30)) await handle.signal("message", { text, id: text });
    await handle.executeUpdate("decideApproval", { args: [{ gate: "g1", decision: "approve", by: "ana" }] });
    expect(await handle.result()).toMatchObject({ status: "completed", output: "150" });
    const heard = models.requests[1]?.messages.filter(({ role }) => role === "user").map(({ text }) => text);
    expect(heard).toEqual(["go", ...texts]);
    expect((await histories(handle)).length).toBeGreaterThan(2);
  });

  test("is not lost where it comes while a state is packed that does not fit one payload", async () => {
    const models = listening();
    const { start: run } = await start({ models, tools: [ask] });
    const handle = await run({ agent: "tester", input: "go" });
    await waitsAt(handle, "g1");
    // Above what travels in one piece, with characters that a cut must not break.
    const texts = Array.from({ length: 240 }, (_, at) => `${at} ${"🙂é".repeat(300)}`);
    await Promise.all(texts.map(async (text) => await handle.signal("message", { text, id: text.slice(0, 8) })));
    await handle.signal("approve", { gate: "g1", by: "ana", comment: "go on" });
    expect(await handle.result()).toMatchObject({ status: "completed", output: "240" });
    const heard = models.requests[1]?.messages.filter(({ role }) => role === "user").map(({ text }) => text);
    expect(new Set(heard)).toEqual(new Set(["go", ...texts]));
    const all = await histories(handle);
    expect(all.length).toBeGreaterThan(1);
    for (const { events } of all) expect(largestPayload(events).bytes).toBeLessThan(32 * 1024);
  });

  test("is not lost where it comes while the store takes its time with the packed state", async () => {
    const store = createCountingStore();
    // Large enough that the state goes to the store in pieces; the messages are small.
    const models = plainModels(({ turn, messages }) =>
      turn === 1 ? call("ask", 1, { pad: "x".repeat(11_000) }) : { text: String(messages.length) },
    );
    const { start: run } = await start({ models, tools: [ask], store });
    const handle = await run({ agent: "tester", input: "go" });
    await waitsAt(handle, "g1");
    const [asked, release] = [deferred(), deferred()];
    store.intercept("putIfAbsent", async () => {
      asked.resolve();
      return (await release.promise) as never;
    });
    const texts = Array.from({ length: 100 }, (_, at) => `${at}`);
    for (const text of texts) await handle.signal("message", { text });
    await asked.promise;
    await handle.signal("message", { text: "late" });
    // The task that packs is told of it before the store answers.
    await eventually(async () => {
      const { events } = (await histories(handle))[0] ?? { events: [] };
      const at = events.findIndex((event) => payloadsOf([event]).some(({ text }) => text.includes('"late"')));
      expect(at >= 0 && typesOf(events.slice(at))).toContain("WORKFLOW_TASK_STARTED");
    });
    store.intercept("putIfAbsent", undefined);
    release.resolve();
    await handle.signal("approve", { gate: "g1", by: "ana", comment: "go on" });
    expect(await handle.result()).toMatchObject({ status: "completed" });
    const heard = models.requests[1]?.messages.filter(({ role }) => role === "user").map(({ text }) => text);
    expect(heard).toEqual(["go", ...texts, "late"]);
    expect((await histories(handle)).length).toBeGreaterThan(1);
  });

  test("holds: gates, a pause, a freeze and a quorum half reached are there in the next history", async () => {
    const { start: run } = await start({ models: listening(3), tools: [ask] });
    const approvals = { approvers: ["ana", "ben", "cem"], quorum: 2, timeout: "1h" };
    const handle = await run({ agent: "tester", input: "go", approvals, budget: { limitUsd: "1" } });
    await waitsAt(handle, "g1");
    const before = await handle.query<GateView[]>("approvals");
    await handle.signal("approve", { gate: "g1", by: "ana" });
    await handle.signal("pause", { by: "ana" });
    await handle.signal("budgetCheck", { freeze: true, by: "ana" });
    for (let at = 0; at < 90; at += 1) await handle.signal("reject", { gate: "g1", by: "mallory" });
    await eventually(async () => expect((await histories(handle)).length).toBeGreaterThan(1));
    const [gate] = await handle.query<GateView[]>("approvals");
    expect(gate).toMatchObject({ ...before[0], decisions: [expect.objectContaining({ by: "ana" })] });
    await expect(
      handle.executeUpdate("decideApproval", { args: [{ gate: "g1", decision: "approve", by: "Ana " }] }),
    ).rejects.toMatchObject({ cause: { details: [{ reason: "duplicate" }] } });
    await handle.executeUpdate("decideApproval", { args: [{ gate: "g1", decision: "approve", by: "ben" }] });
    await eventually(async () => expect(await handle.query("status")).toMatchObject({ state: "paused" }));
    await handle.signal("resume", {});
    await eventually(async () => expect(await handle.query("status")).toMatchObject({ state: "awaiting_budget" }));
    await handle.signal("budgetCheck", { freeze: false, by: "ana" });
    await waitsAt(handle, "g2");
    await handle.terminate();
  });

  test("tops up once by its id, as a signal and as an update, also from history to history", async () => {
    const models = plainModels(({ turn }) => (turn < 3 ? call("noop", turn) : { text: "done" }));
    const { start: run } = await start({ models, tools: [noop] });
    const budget = { limitUsd: "0.0011", onExhausted: "pause" };
    const handle = await run({ agent: "tester", input: "go", budget });
    const waitsForMoney = async () =>
      await eventually(async () => expect(await handle.query("status")).toMatchObject({ state: "awaiting_budget" }));
    await waitsForMoney();
    await handle.signal("budgetCheck", { addUsd: "0.0001", by: "ana", id: "first" });
    for (let at = 0; at < 80; at += 1) await handle.signal("message", { nothing: at });
    await eventually(async () => expect((await histories(handle)).length).toBeGreaterThan(1));
    await waitsForMoney();
    await handle.signal("budgetCheck", { addUsd: "0.0001", by: "ana", id: "first" });
    const again: { args: [object] } = { args: [{ addUsd: "0.0001", by: "ana", id: "first" }] };
    expect(await handle.executeUpdate<object, [object]>("addBudget", again)).toMatchObject({ limitNanoUsd: 1_200_000 });
    await handle.executeUpdate("addBudget", { args: [{ addUsd: "1", by: "ana", id: "second" }] });
    expect(await handle.result()).toMatchObject({ status: "completed", turns: 3, cost: { nanoUsd: 3_300_000 } });
  });

  test("is answered or refused, never swallowed, while the run goes from history to history", async () => {
    const models = plainModels(({ turn }) => (turn < 30 ? call("noop", turn, { turn }) : { text: "done" }));
    const { start: run } = await start({ models, tools: [noop] });
    const handle = await run({ agent: "tester", input: "go", maxTurns: 400 });
    let ended = false;
    const result = handle.result().finally(() => {
      ended = true;
    });
    const taken: string[] = [];
    for (let at = 0; !ended; at += 1) {
      const text = `word ${at}`;
      await handle.executeUpdate("sendMessage", { args: [{ text, id: text }] }).then(
        () => taken.push(text),
        () => undefined,
      );
    }
    const { transcript } = (await result) as RunResult;
    const messages = await (worker as AgentWorker).transcripts.load(transcript as never);
    const heard = messages.filter(({ role }) => role === "user").map(({ text }) => text);
    expect(heard).toEqual(["go", ...taken]);
    expect(taken.length).toBeGreaterThan(5);
  });
});

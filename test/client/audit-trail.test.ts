import { afterEach, describe, expect, test } from "@jest/globals";
import { connect, type WfloClient } from "../../client/index.js";
import type { AuditRecord } from "../../core/audit.js";
import { verifyTrail } from "../../core/audit-trail.js";
import type { GateView } from "../../core/gate.js";
import type { LogRecord } from "../../ports/event-log.js";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { changedBundles } from "../harness/changed-bundle.js";
import { temporalAddress } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";
import { startOwnServer } from "../harness/own-server.js";
import { plainModels } from "../harness/plain-models.js";
import { play, SCENARIOS } from "../replay/scenarios.js";

/* The log of an honest run fits the run's history, whatever happened in it. Forged logs: test/cli/audit.test.ts. */

const bundleWith = changedBundles();

let worker: AgentWorker | undefined;
let client: WfloClient | undefined;
afterEach(async () => {
  await client?.close();
  await worker?.stop();
  [client, worker] = [undefined, undefined];
});

async function trailOf(workflowId: string, options: { address?: string; blobs?: false } = {}) {
  const { address = temporalAddress(), blobs } = options;
  client = await connect({
    environment: {},
    address,
    ...(blobs === false || !worker ? {} : { blobs: worker.blobs }),
  });
  return await client.attach(workflowId).auditTrail();
}

/** Each once: a log stores at least once. */
const onceIn = (log: Log, workflowId: string) => [
  ...new Map(recordsIn(log, workflowId).map((record) => [record.hash, record])).values(),
];

type Log = readonly (LogRecord & { topic: string })[];
const recordsIn = (log: Log, workflowId: string) =>
  log
    .filter(({ topic, key }) => topic === "wflo.audit" && key === workflowId)
    .map(({ value }) => JSON.parse(value) as AuditRecord);

describe("the log of a run fits its history:", () => {
  const scenarios = SCENARIOS.filter(({ name, manyHistories }) => !manyHistories && name !== "broker-away");
  test.each(scenarios)("$name", async (scenario) => {
    const played = await play(scenario);
    worker = played.worker;
    const trail = await trailOf(played.run.workflowId);
    const records = recordsIn(worker.published, played.run.workflowId);
    const whole = { ok: true, gaps: [], endedBy: "itself", delivering: false };
    expect({ ...trail, ...verifyTrail(records, trail) }).toMatchObject(whole);
    expect(trail.records).toEqual(onceIn(worker.published, played.run.workflowId));
  });

  test("a run that was told all kinds of things, over several histories", async () => {
    const server = await startOwnServer({ dynamic: ["limit.historyCount.suggestContinueAsNew=60"] });
    try {
      const models = plainModels(({ turn }) => {
        if (turn > 20) return { text: "done" };
        const name = turn === 8 || turn === 16 ? "ask" : "noop";
        return { toolCalls: [{ id: `c${turn}`, name, args: { turn } }] };
      });
      const tools = [{ name: "noop", execute: async () => "done" }, { name: "ask", kind: "human" } as const];
      worker = await startAgentWorker({ models, tools, address: server.address });
      const run = await worker.start({ agent: "tester", input: "go", budget: { limitUsd: "1" } });
      const asked = async (gate: string) =>
        await eventually(async () => expect((await run.query<GateView[]>("approvals")).at(-1)?.gate).toBe(gate));
      await asked("g1");
      for (const id of ["t1", "t1", "t2"]) await run.signal("budgetCheck", { addUsd: "0.10", by: "ana", id });
      await run.executeUpdate("addBudget", { args: [{ addUsd: "0.10", by: "ben", id: "t2" }] });
      await run.signal("budgetCheck", { addUsd: "a lot", by: "eve" });
      await run.signal("pause", { by: "ana" });
      await run.signal("pause", { by: "ben" });
      await run.signal("pause", "now");
      await run.signal("resume");
      await run.signal("message", { text: "" });
      await run.signal("approve", { gate: "g7", by: "ana" });
      await run.signal("approve", { gate: "g1", by: "ana", comment: "yes" });
      await asked("g2");
      await run.signal("approve", { gate: "g1", by: "ana" });
      const late = run.executeUpdate("decideApproval", { args: [{ gate: "g1", decision: "approve", by: "ben" }] });
      await expect(late).rejects.toThrow();
      await run.executeUpdate("decideApproval", { args: [{ gate: "g2", decision: "approve", by: "ben" }] });
      await run.result();

      const trail = await trailOf(run.workflowId, { address: server.address });
      expect(new Set(trail.deeds.map(({ runId }) => runId)).size).toBeGreaterThan(1);
      const records = recordsIn(worker.published, run.workflowId);
      expect(verifyTrail(records, trail)).toEqual({ ok: true });
      expect(trail.records).toEqual(records);
      expect(records.filter(({ action }) => action === "command.refused")).toHaveLength(5);
    } finally {
      await server.stop();
    }
  }, 60_000);
});

describe("where the log is away", () => {
  /** A run that ends while nothing can be published; with many records, which it stores. */
  async function unheard() {
    const published: (LogRecord & { topic: string })[] = [];
    const state = { isAway: true };
    const eventLog: TestWorld["eventLog"] = {
      async publish(topic, records) {
        if (state.isAway) throw new Error("away");
        published.push(...records.map((record) => ({ ...record, topic })));
      },
      close: async () => {},
    };
    const models = plainModels(({ turn }) =>
      turn > 30 ? { text: "done" } : { toolCalls: [{ id: `c${turn}`, name: "noop", args: { turn } }] },
    );
    worker = await startAgentWorker({ models, tools: [{ name: "noop", execute: async () => "done" }], eventLog });
    const run = await worker.start({ agent: "tester", input: "go" });
    for (const reason of ["a", "b", "c"]) {
      await run.signal("budgetCheck", { limitUsd: "1", by: "ana", reason: reason.repeat(500) });
    }
    await run.result();
    return { workflowId: run.workflowId, published, state };
  }

  test("its last records are known to be on their way, and compared when they have come", async () => {
    const { workflowId, published, state } = await unheard();
    const early = await trailOf(workflowId);
    expect(early).toMatchObject({ delivering: true, endedBy: "itself", taken: 0, gaps: [] });
    expect(early.records).toHaveLength(5);
    expect(verifyTrail([], early)).toEqual({ ok: true });
    state.isAway = false;
    await eventually(async () =>
      expect(await client?.attach(workflowId).auditTrail()).toMatchObject({ delivering: false }),
    );
    const trail = await trailOf(workflowId);
    const records = recordsIn(published, workflowId);
    expect(records).toHaveLength(5);
    expect(verifyTrail(records, trail)).toEqual({ ok: true });
    expect(verifyTrail(records.slice(0, 4), trail)).toMatchObject({
      seq: 5,
      problem: "record 5 (run.ended) is missing; the run's history has it, and nothing is on its way any more",
    });
  }, 60_000);

  test("records that the run has stored are compared as far as the store can be read", async () => {
    const { workflowId } = await unheard();
    const trail = await trailOf(workflowId, { blobs: false });
    expect(trail.gaps).toEqual([expect.stringContaining("can't be read")]);
    expect(verifyTrail([], trail)).toEqual({ ok: true });
  });
});

describe("a worker whose workflows are not the ones that they should be is found:", () => {
  /** A run that is paused, goes on and gets money, under workflows with a change. */
  async function steered(from: string, to: string) {
    const workflowBundlePath = await bundleWith({ file: "workflows/outbox.ts", from, to });
    const tools = [{ name: "ask", kind: "human" } as const];
    const models = plainModels(({ turn }) =>
      turn === 1 ? { toolCalls: [{ id: "c1", name: "ask", args: { question: "?" } }] } : { text: "done" },
    );
    worker = await startAgentWorker({ models, tools, workflowBundlePath });
    const run = await worker.start({ agent: "tester", input: "go" });
    await eventually(async () => expect(await run.query<GateView[]>("approvals")).toHaveLength(1));
    await run.signal("pause", { by: "ana" });
    await run.signal("resume", { by: "ana" });
    await run.signal("budgetCheck", { limitUsd: "2", by: "ben" });
    await run.signal("approve", { gate: "g1", by: "ana", comment: "yes" });
    await run.result();
    const trail = await trailOf(run.workflowId);
    return verifyTrail(recordsIn(worker.published, run.workflowId), trail);
  }
  const beginning = "by?: string): void {\n";

  test("it keeps quiet about what somebody did", async () => {
    expect(await steered(beginning, `${beginning}if (action === "run.paused") return;\n`)).toEqual({
      ok: false,
      event: expect.any(Number),
      runId: expect.any(String),
      problem: expect.stringMatching(/^event \d+ of the history .*\(the signal pause by "ana"\) left no record$/),
    });
  });

  test("it tells of somebody else", async () => {
    expect(await steered(beginning, `${beginning}if (by === "ben") by = "eve";\n`)).toMatchObject({
      ok: false,
      seq: 5,
      problem: "record 5 (budget.changed by eve) tells of something that the run's history does not have",
    });
  });
});

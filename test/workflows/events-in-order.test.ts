import { afterEach, describe, expect, test } from "@jest/globals";
import type { ModelCallRequest } from "../../core/activity-contract.js";
import { type AuditRecord, verifyChain } from "../../core/audit.js";
import type { LogRecord } from "../../ports/event-log.js";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { historiesOf, inputsOf, payloadsOf, typesOf } from "../harness/histories.js";
import { startOwnServer } from "../harness/own-server.js";
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

interface CloudEvent {
  readonly id: string;
  readonly type: string;
  readonly sequence: string;
  readonly data: Record<string, unknown>;
}

/** A broker that can be away (every publish fails), or silent (none ever answers). */
function broker(state: "there" | "away" | "silent" = "there") {
  const stored: (LogRecord & { topic: string })[] = [];
  const self = {
    state,
    stored,
    tries: 0,
    eventLog: {
      publish: async (topic: string, records: readonly LogRecord[]) => {
        self.tries += 1;
        if (self.state === "silent") await new Promise(() => {});
        if (self.state === "away") throw new Error("the broker is away");
        stored.push(...records.map((record) => ({ ...record, topic })));
      },
      close: async () => {},
    },
    /** Each event once, in the order of its first arrival. */
    events: (): CloudEvent[] => once(self.of("wflo.events"), "id"),
    audit: (): AuditRecord[] => once(self.of("wflo.audit"), "hash"),
    of: (topic: string) => stored.filter((one) => one.topic === topic).map(({ value }) => JSON.parse(value)),
  };
  return self;
}

const once = <T extends object>(records: readonly T[], key: keyof T & string): T[] => [
  ...new Map(records.map((record) => [record[key], record])).values(),
];

const noop = { name: "noop", execute: async () => "done" };
const calling = (turns: number) =>
  plainModels(({ turn }) =>
    turn < turns ? { toolCalls: [{ id: `c${turn}`, name: "noop", args: { turn } }] } : { text: "done" },
  );

describe("a run's events", () => {
  test("are CloudEvents in the order of what happened, without a gap, with the workflow as their key", async () => {
    const { eventLog, stored, events } = broker();
    const deploy = { ...noop, safe: false };
    const run = await start({ models: calling(2), tools: [deploy], eventLog }, { labels: { team: "search" } });
    await eventually(async () => expect(await run.query("approvals")).toHaveLength(1));
    await run.signal("budgetCheck", { limitUsd: "1", by: "ana", reason: "to be safe" });
    await run.signal("approve", { gate: "g1", by: "ana" });
    await run.result();
    await eventually(() => expect(events().at(-1)?.type).toBe("wflo.run.completed"));
    expect(events().map(({ type }) => type.replace("wflo.", ""))).toEqual([
      "run.started",
      "model.called",
      "approval.requested",
      "budget.changed",
      "approval.decided",
      "tool.called",
      "model.called",
      "run.completed",
    ]);
    expect(stored.every(({ key }) => key === run.workflowId)).toBe(true);
    for (const [at, event] of events().entries()) {
      expect(event).toMatchObject({
        specversion: "1.0",
        id: `${run.workflowId}/${run.firstExecutionRunId}/${at + 1}`,
        source: `/wflo/default/${run.workflowId}`,
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        subject: run.workflowId,
        sequence: String(at + 1).padStart(10, "0"),
        datacontenttype: "application/json",
      });
    }
    expect(events()[0]?.data).toEqual({ agent: "tester", models: ["plain/one"], labels: { team: "search" } });
    expect(events()[1]?.data).toMatchObject({ turn: 1, model: "plain/one", nanoUsd: 1_100_000, requestId: "req-1" });
  });

  test.each<[string, object, object]>([
    ["fails", { agent: "nobody" }, { type: "UnknownAgent", message: expect.stringContaining("nobody") }],
    [
      "is out of money where an error is wanted",
      { budget: { limitUsd: "0", onExhausted: "throw" } },
      { type: "BudgetExhausted" },
    ],
  ])("say why it %s", async (_, input, data) => {
    const { eventLog, events } = broker();
    const run = await start({ models: calling(1), eventLog }, input);
    await expect(run.result()).rejects.toBeDefined();
    await eventually(() => expect(events().at(-1)).toMatchObject({ type: "wflo.run.failed", data }));
  });
});

describe("a broker that is away for the whole run", () => {
  test("costs the run nothing: no failure, no input that grows; everything arrives once it is back", async () => {
    const log = broker("away");
    const turns = 150;
    const world = { models: calling(turns), tools: [noop], eventLog: log.eventLog, maxCachedWorkflows: 10 };
    const run = await start(world, { maxTurns: 200 });
    const result = await run.result();
    expect(result).toMatchObject({ status: "completed", turns });
    // It was asked now and then, not with each call.
    expect(log.tries).toBeLessThan(turns / 3);
    const histories = await historiesOf((worker as AgentWorker).client, run.workflowId, run.firstExecutionRunId);
    const inputs = histories.flatMap(({ events }) =>
      events.filter((event) => inputsOf<ModelCallRequest>([event], "callModel").length > 0),
    );
    const sizes = inputs.map((event) => payloadsOf([event])[0]?.bytes ?? 0);
    expect(Math.max(...sizes.slice(-50))).toBeLessThanOrEqual(Math.max(...sizes.slice(0, 50)) + 64);
    expect(log.stored).toEqual([]);
    log.state = "there";
    await eventually(() => expect(log.events().at(-1)).toMatchObject({ type: "wflo.run.completed" }), {
      withinMs: 40_000,
    });
    expect(log.events().map(({ sequence }) => Number(sequence))).toEqual(log.events().map((_, at) => at + 1));
    expect(log.events()).toHaveLength(2 + 2 * turns - 1);
    expect(verifyChain(log.audit(), result.audit as never)).toEqual({ ok: true });
  }, 120_000);

  test("or does not even answer: the run ends all the same", async () => {
    const log = broker("silent");
    const run = await start({ models: calling(4), tools: [noop], eventLog: log.eventLog });
    expect(await run.result()).toMatchObject({ status: "completed", turns: 4 });
    const types = (await historiesOf((worker as AgentWorker).client, run.workflowId, run.firstExecutionRunId)).flatMap(
      ({ events }) => typesOf(events),
    );
    expect(types).toContain("CHILD_WORKFLOW_EXECUTION_STARTED");
  });

  test("for a while: what was stored meanwhile goes out before what comes next, beside the run", async () => {
    const log = broker("away");
    const models = plainModels(({ turn }) => {
      if (turn === 90) log.state = "there";
      return turn < 140 ? { toolCalls: [{ id: `c${turn}`, name: "noop", args: { turn } }] } : { text: "done" };
    });
    const world = { models, tools: [noop], eventLog: log.eventLog, maxCachedWorkflows: 10 };
    const run = await start(world, { maxTurns: 200 });
    await run.result();
    await eventually(() => expect(log.events().at(-1)).toMatchObject({ type: "wflo.run.completed" }));
    expect(log.events().map(({ sequence }) => Number(sequence))).toEqual(log.events().map((_, at) => at + 1));
  }, 120_000);
});

describe("what people see of a run", () => {
  test("is in the index, and on a page of its own", async () => {
    const deploy = { ...noop, safe: false };
    const run = await start({ models: calling(2), tools: [deploy] }, { budget: { limitUsd: "1" } });
    await eventually(async () => {
      const { searchAttributes } = await run.describe();
      expect(searchAttributes).toMatchObject({
        WfloAgent: ["tester"],
        WfloStatus: ["awaiting_approval"],
        WfloModel: ["plain/one"],
        WfloTurn: [1],
        WfloCostNanoUsd: [1_100_000],
        WfloRoot: [run.workflowId],
      });
    });
    const { currentDetails } = await run.query<{ currentDetails: string }>("__temporal_workflow_metadata");
    expect(currentDetails).toContain("### tester: waiting for a decision on g1 (noop)");
    expect(currentDetails).toContain("| 1 of 50 | plain/one | $0.0011 | $1.00 |");
    expect(currentDetails).toContain("- `g1` Run noop? (anyone)");
    await run.signal("approve", { gate: "g1", by: "ana" });
    await run.result();
    const [{ events } = { events: [] }] = await historiesOf(
      (worker as AgentWorker).client,
      run.workflowId,
      run.firstExecutionRunId,
    );
    const summaries = payloadsOf(events).filter(({ where }) => where.endsWith("userMetadata.summary"));
    expect(summaries.map(({ text }) => JSON.parse(text) as string)).toEqual(
      expect.arrayContaining(["agent tester", "plain/one · turn 1 · at most $0.0011", "turn 1 · noop"]),
    );
    const { searchAttributes } = await run.describe();
    expect(searchAttributes).toMatchObject({ WfloStatus: ["completed"], WfloTurn: [2], WfloCostNanoUsd: [2_200_000] });
  });

  test("does not stop a run with long names, which the index and the Web UI take in part", async () => {
    const long = `plain/${"🙂".repeat(240)}`;
    const agents = [{ name: "é".repeat(200), instructions: "", models: [long], tools: [] }];
    const run = await start({ models: calling(1), agents }, { agent: agents[0]?.name });
    expect(await run.result()).toMatchObject({ status: "completed" });
    const unknown = await (worker as AgentWorker).start({ agent: "🙂".repeat(100), input: "go" });
    await expect(unknown.result()).rejects.toMatchObject({ cause: { type: "UnknownAgent" } });
  });

  test("is less where the namespace lacks the search attributes, and the run does its work", async () => {
    const server = await startOwnServer({ withoutSearchAttributes: true });
    try {
      const world = { models: calling(2), tools: [noop], address: server.address, searchAttributes: false };
      const run = await start(world);
      expect(await run.result()).toMatchObject({ status: "completed" });
    } finally {
      await worker?.stop();
      worker = undefined;
      await server.stop();
    }
  });
});

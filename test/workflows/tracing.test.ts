import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { Client, type WorkflowClientInterceptor } from "@temporalio/client";
import { defaultPayloadConverter } from "@temporalio/common";
import { bundleWorkflowCode, DefaultLogger, type InjectedSinks, NativeConnection, Worker } from "@temporalio/worker";
import type { WfloSinks } from "../../core/sinks.js";
import { type EndedSpan, parseTraceparent, TRACE_HEADER, type TraceSettings } from "../../core/trace.js";
import type { Tracer } from "../../ports/tracer.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { withTraces } from "../../workers/workflow-code.js";
import { type AgentWorker, silentSinks, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import type { caller } from "../harness/caller-workflow.js";
import { workflowBundlePath } from "../harness/environment.js";
import { type HistoryEvent, historiesOf } from "../harness/histories.js";
import { type OwnServer, startOwnServer } from "../harness/own-server.js";
import { plainModels } from "../harness/plain-models.js";
import { keptHistories } from "../replay/history-files.js";
import { ACCOUNT_WORKFLOW } from "../replay/scenarios.js";

/* What workflows tell of themselves to whoever traces: without a step, a promise or a random number more. */

const ALL: TraceSettings = { sampleRatio: 1, keepAboveNanoUsd: 1e18 };
const NONE: TraceSettings = { sampleRatio: 0, keepAboveNanoUsd: 1e18 };

let folder: string;
let server: OwnServer;
let worker: AgentWorker | undefined;
let spans: EndedSpan[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-tracing-"));
  server = await startOwnServer({ dynamic: ["limit.historyCount.suggestContinueAsNew=60"] });
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
  spans = [];
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function traced(settings: TraceSettings): Promise<string> {
  const path = join(folder, `${JSON.stringify(settings).replaceAll(/\W/g, "-")}.js`);
  await writeFile(path, withTraces(await readFile(workflowBundlePath(), "utf8"), settings));
  return path;
}

function told(): InjectedSinks<WfloSinks> {
  const silent = silentSinks();
  return {
    wflo: { ...silent.wflo, spanEnded: { callDuringReplay: false, fn: (_run, span) => void spans.push(span) } },
  };
}

async function start(world: TestWorld, settings = ALL): Promise<AgentWorker> {
  worker = await startAgentWorker({
    ...world,
    address: server.address,
    workflowBundlePath: await traced(settings),
    sinks: told(),
  });
  return worker;
}

const noop = { name: "noop", execute: async () => "done" };
const turns = (count: number) =>
  plainModels(({ turn }) =>
    turn < count ? { toolCalls: [{ id: `c${turn}`, name: "noop", args: {} }] } : { text: "done" },
  );

/** The trace that a step was given. */
function contextsOf(events: readonly HistoryEvent[]) {
  return events.flatMap((event) => {
    const facts = event.activityTaskScheduledEventAttributes as { header?: { fields?: object } } | undefined;
    const payload = (facts?.header?.fields as Record<string, unknown> | undefined)?.[TRACE_HEADER];
    if (!payload) return [];
    return [
      parseTraceparent((defaultPayloadConverter.fromPayload(payload as never) as { traceparent: string }).traceparent),
    ];
  });
}

describe("a long run", () => {
  test.each([
    ["in memory", 100],
    ["replayed from the start with every task", 0],
  ])("%s is one trace over all its histories, each span once", async (_where, maxCachedWorkflows) => {
    const { start: run, client } = await start({ models: turns(25), tools: [noop], maxCachedWorkflows });
    const handle = await run({ agent: "tester", input: "go" });
    await handle.result();
    const histories = await historiesOf(client, handle.workflowId, handle.firstExecutionRunId);
    expect(histories.length).toBeGreaterThan(2);
    const [own, ...others] = spans.filter(({ name }) => name === "invoke_agent tester");
    expect(others).toEqual([]);
    expect(own).toMatchObject({
      sampled: true,
      attributes: { "wflo.run.turns": 25, "wflo.run.cost.nano_usd": 27_500_000 },
    });
    const ofTurns = spans.filter(({ name }) => name.startsWith("turn "));
    expect(ofTurns.map(({ name }) => name)).toEqual(Array.from({ length: 25 }, (_, at) => `turn ${at + 1}`));
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([own?.traceId]));
    for (const { parentId, startMs, endMs } of ofTurns) {
      expect(parentId).toBe(own?.spanId);
      expect(endMs).toBeGreaterThanOrEqual(startMs);
    }
    // Every step hangs below a turn, or the run.
    const known = new Set(spans.map(({ spanId }) => spanId));
    const contexts = histories.flatMap(({ events }) => contextsOf(events));
    expect(contexts.length).toBeGreaterThan(25);
    for (const context of contexts) expect(known).toContain(context?.spanId);
  });
});

describe("which traces are stored", () => {
  const outcome = async (world: TestWorld, settings: TraceSettings) => {
    const { start: run } = await start({ tools: [noop], ...world }, settings);
    const handle = await run({ agent: "tester", input: "go" });
    await handle.result().catch(() => undefined);
    return spans.map(({ name, sampled }) => `${name}: ${sampled}`);
  };

  test("a share of none: a run that ends well and is cheap is not", async () => {
    expect(await outcome({ models: turns(2) }, NONE)).toEqual([
      "turn 1: false",
      "turn 2: false",
      "invoke_agent tester: false",
    ]);
  });

  test("a run is, from where it has become dear", async () => {
    const settings = { ...NONE, keepAboveNanoUsd: 2_000_000 };
    expect(await outcome({ models: turns(3) }, settings)).toEqual([
      "turn 1: false",
      "turn 2: true",
      "turn 3: true",
      "invoke_agent tester: true",
    ]);
  });

  test("a run that fails is, and says what of", async () => {
    const models = plainModels(() => ({ text: "no", finishReason: "content-filter" }));
    expect(await outcome({ models }, NONE)).toEqual(["turn 1: true", "invoke_agent tester: true"]);
    expect(spans.at(-1)).toMatchObject({ errorType: "ModelRefused", attributes: { "wflo.run.status": "failed" } });
  });
});

/** A client that starts workflows within this. */
function clientWith({ client }: AgentWorker, carrier: unknown): Client {
  const headers = { [TRACE_HEADER]: defaultPayloadConverter.toPayload(carrier) };
  const interceptor: WorkflowClientInterceptor = {
    startWithDetails: async (input, next) => await next({ ...input, headers }),
  };
  return new Client({ connection: client.connection, interceptors: { workflow: [interceptor] } });
}

describe("headers of whoever starts a run", () => {
  const startedWith = async (carrier: unknown) => {
    const { taskQueue } = await start({ models: turns(1) });
    const args = [{ agent: "tester", input: "go" }];
    const workflowId = `headers-${randomUUID()}`;
    await clientWith(worker as AgentWorker, carrier).workflow.execute("agentRun", { taskQueue, workflowId, args });
    return spans.find(({ name }) => name === "invoke_agent tester");
  };

  test("a run belongs to the trace that it was started in, also where that is not stored", async () => {
    const [traceId, spanId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
    expect(await startedWith({ traceparent: `00-${traceId}-${spanId}-00` })).toMatchObject({
      ...{ traceId, parentId: spanId, sampled: false },
    });
  });

  test.each([
    [{ traceparent: "nonsense" }],
    [{ traceparent: { toString: null } }],
    ["a text"],
    [null],
    [[]],
    [{ "wflo-continued": "{" }],
  ])("%j is no trace, and harms nothing", async (carrier) => {
    expect(await startedWith(carrier)).toMatchObject({ sampled: true });
  });
});

test("a span that can't be written loses no answer and no tool's work", async () => {
  let tried = 0;
  const broken = () => {
    tried += 1;
    throw new Error("a bug of ours");
  };
  const tracer: Tracer = {
    content: true,
    span: async (_name, _options, work) => await work({ set: broken, fail: broken }),
    traceparent: () => undefined,
  };
  let done = 0;
  const tool = { name: "noop", repeatable: false, execute: async () => ({ done: ++done }) };
  const models = turns(2);
  const { start: run } = await start({ models, tools: [tool], tracer });
  const result = await (await run({ agent: "tester", input: "go", budget: { limitUsd: "1" } })).result();
  expect(result).toMatchObject({ status: "completed", output: "done", cost: { confirmedNanoUsd: 2_200_000 } });
  expect([models.requests.length, done, tried > 0]).toEqual([2, 1, true]);
});

test("an agent that one's own workflow calls belongs to its trace: Temporal's own interceptors hand it on", async () => {
  const { taskQueue } = await start({ models: turns(1) });
  const connection = await NativeConnection.connect({ address: server.address });
  const own = await Worker.create({
    connection,
    taskQueue: `${taskQueue}-own`,
    shutdownGraceTime: 0,
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: join(packageRoot(), "test/harness/caller-workflow.ts"),
      workflowInterceptorModules: [
        createRequire(import.meta.url).resolve("@temporalio/interceptors-opentelemetry/lib/workflow-interceptors.js"),
      ],
      logger: new DefaultLogger("ERROR"),
    }),
    sinks: { exporter: { export: { fn: () => {}, callDuringReplay: false } } } as InjectedSinks<never>,
  });
  const { traceId, spanId } = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
  const client = clientWith(worker as AgentWorker, { traceparent: `00-${traceId}-${spanId}-01` });
  await own.runUntil(async () => {
    const options = {
      taskQueue: `${taskQueue}-own`,
      workflowId: `caller-${randomUUID()}`,
      args: [taskQueue] as [string],
    };
    await client.workflow.execute<typeof caller>("caller", options);
  });
  await connection.close();
  const run = spans.find(({ name }) => name === "invoke_agent tester");
  expect(run).toMatchObject({ traceId, sampled: true, parentId: expect.stringMatching(/^[0-9a-f]{16}$/) });
  expect(run?.parentId).not.toBe(spanId);
}, 60_000);

describe("a run may begin where nobody traces, and go on where somebody does:", () => {
  const idOf = (name: string) => (name.endsWith("-books") ? ACCOUNT_WORKFLOW : name);
  const problems = async (codePath: string, histories: { workflowId: string; history: never }[]) => {
    const found: Record<string, string> = {};
    const options = { workflowBundle: { codePath }, sinks: silentSinks() };
    for await (const { workflowId, error } of Worker.runReplayHistories(options, histories)) {
      if (error) found[workflowId] = error.message;
    }
    return found;
  };

  test("every kept history replays there", async () => {
    const kept = await keptHistories();
    const histories = kept.map(({ name, history }) => ({ workflowId: idOf(name), history: history as never }));
    expect(await problems(await traced(ALL), histories)).toEqual({});
  });

  test("and the other way round", async () => {
    const { start: run, client } = await start({ models: turns(25), tools: [noop] });
    const handle = await run({ agent: "tester", input: "go" });
    await handle.result();
    const histories = await historiesOf(client, handle.workflowId, handle.firstExecutionRunId);
    const made = histories.map(({ history }) => ({ workflowId: handle.workflowId, history: history as never }));
    expect(await problems(workflowBundlePath(), made)).toEqual({});
  });
});

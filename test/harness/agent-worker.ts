import { randomUUID } from "node:crypto";
import { Client, Connection } from "@temporalio/client";
import { DefaultLogger, type InjectedSinks, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { createBlobs } from "../../activities/blobs.js";
import { createCallJournal } from "../../activities/call-journal.js";
import { type ActivityPorts, createActivities } from "../../activities/index.js";
import type { OfferedAgent } from "../../activities/resolve-agent.js";
import type { DeployedTool } from "../../activities/run-tool.js";
import { createSchemaChecker } from "../../activities/schema-checker.js";
import { createTranscripts } from "../../activities/transcript-store.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import type { ToolSpec } from "../../core/agent.js";
import type { RunResult } from "../../core/run.js";
import type { WfloSinks } from "../../core/sinks.js";
import type { LogRecord } from "../../ports/event-log.js";
import type { Models } from "../../ports/models.js";
import type { ObjectStore } from "../../ports/object-store.js";
import { temporalAddress, workflowBundlePath } from "./environment.js";

Runtime.install({ logger: new DefaultLogger(process.env.WFLO_TEST_LOG === "on" ? "WARN" : "ERROR") });

/** A tool of a test's agent: its policy where it differs from a safe activity, and its code. */
export interface TestTool extends Partial<ToolSpec> {
  readonly name: string;
  readonly execute?: DeployedTool["execute"];
}

export interface TestWorld {
  readonly models: Models;
  readonly tools?: readonly TestTool[];
  readonly agents?: readonly OfferedAgent[];
  readonly store?: ObjectStore;
  readonly searchAttributes?: boolean;
  /** Histories stay in memory, so that nothing is replayed. @default 0: every task replays from the start */
  readonly maxCachedWorkflows?: number;
}

/** A worker of its own task queue on the shared server, with ports in memory, and a client. */
export async function startAgentWorker(world: TestWorld) {
  const taskQueue = `test-${randomUUID()}`;
  const store = world.store ?? createMemoryObjectStore();
  const published: (LogRecord & { topic: string })[] = [];
  const specs = (world.tools ?? []).map(specOf);
  const ports = portsOf(world, store, specs, published);
  const activities = createActivities(ports, specs);
  const connection = await NativeConnection.connect({ address: temporalAddress() });
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowBundle: { codePath: workflowBundlePath() },
    activities: activities.agents,
    sinks: silentSinks(),
    maxCachedWorkflows: world.maxCachedWorkflows ?? 0,
    ...(world.maxCachedWorkflows === undefined ? {} : { stickyQueueScheduleToStartTimeout: "1s" }),
    maxHeartbeatThrottleInterval: "400ms",
    shutdownGraceTime: 0,
  });
  const running = worker.run();
  const clientConnection = await Connection.connect({ address: temporalAddress() });
  const client = new Client({ connection: clientConnection });
  return {
    taskQueue,
    client,
    store,
    blobs: ports.blobs,
    transcripts: ports.transcripts,
    published,
    start: async (input: unknown, workflowId = `run-${randomUUID()}`) =>
      await client.workflow.start<(input: unknown) => Promise<RunResult>>("agentRun", {
        taskQueue,
        workflowId,
        args: [input],
      }),
    async stop() {
      worker.shutdown();
      await running;
      await clientConnection.close();
      await connection.close();
    },
  };
}

export type AgentWorker = Awaited<ReturnType<typeof startAgentWorker>>;

function specOf(tool: TestTool): ToolSpec {
  const { execute: _execute, ...spec } = tool;
  return {
    kind: "activity",
    safe: true,
    version: "1",
    repeatable: true,
    timeoutMs: 30_000,
    description: `the tool ${tool.name}`,
    inputSchema: { type: "object" },
    ...spec,
  };
}

function portsOf(
  world: TestWorld,
  store: ObjectStore,
  specs: readonly ToolSpec[],
  published: (LogRecord & { topic: string })[],
): ActivityPorts {
  const blobs = createBlobs(store);
  const agent: OfferedAgent = { name: "tester", instructions: "You are a test.", models: ["plain/one"], tools: specs };
  return {
    models: world.models,
    blobs,
    transcripts: createTranscripts(blobs),
    journal: createCallJournal(store),
    tokens: { append: () => {}, read: async function* () {}, close: async () => {} },
    meters: { count: () => {}, observe: () => {}, set: () => {} },
    schemas: createSchemaChecker(),
    executors: Object.fromEntries(
      (world.tools ?? []).flatMap((tool) =>
        tool.execute ? [[tool.name, { version: tool.version ?? "1", execute: tool.execute }]] : [],
      ),
    ),
    code: async () => await Promise.reject(new Error("no sandbox in this test")),
    agents: new Map([agent, ...(world.agents ?? [])].map((offered) => [offered.name, offered])),
    workspaces: { fromInput: async () => await Promise.reject(new Error("no workspace in this test")) } as never,
    priceBook: "test",
    unpriced: "refuse",
    searchAttributes: world.searchAttributes ?? true,
    now: () => new Date(),
    eventLog: {
      publish: async (topic, records) => void published.push(...records.map((record) => ({ ...record, topic }))),
      close: async () => {},
    },
    topics: { events: "wflo.events", audit: "wflo.audit" },
  };
}

function silentSinks(): InjectedSinks<WfloSinks> {
  const silent = { fn: () => {}, callDuringReplay: false };
  return { wflo: { runStarted: silent, runClosed: silent, approvalDecided: silent } };
}

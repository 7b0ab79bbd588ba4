import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Client, Connection } from "@temporalio/client";
import { DefaultLogger, type InjectedSinks, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { createBlobs } from "../../activities/blobs.js";
import { createCallJournal } from "../../activities/call-journal.js";
import { type ActivityPorts, createActivities } from "../../activities/index.js";
import type { OfferedAgent } from "../../activities/resolve-agent.js";
import type { CodeTool } from "../../activities/run-code.js";
import type { DeployedTool } from "../../activities/run-tool.js";
import { createSchemaChecker } from "../../activities/schema-checker.js";
import { createTranscripts } from "../../activities/transcript-store.js";
import { createWorkspaces } from "../../activities/workspace.js";
import { createMemoryLocks } from "../../adapters/memory/locks.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import type { ToolSpec } from "../../core/agent.js";
import type { RunResult } from "../../core/run.js";
import type { WfloSinks } from "../../core/sinks.js";
import type { Deciders } from "../../ports/deciders.js";
import type { EventLog, LogRecord } from "../../ports/event-log.js";
import type { Locks } from "../../ports/locks.js";
import type { Models } from "../../ports/models.js";
import type { ObjectStore } from "../../ports/object-store.js";
import type { Tracer } from "../../ports/tracer.js";
import { withoutCallStacks } from "../../workers/workflow-code.js";
import { WorkflowWorker } from "../../workers/workflow-worker.js";
import { temporalAddress, workflowBundlePath } from "./environment.js";
import { schemaProblems } from "./event-schemas.js";
import { disagreements } from "./event-sums.js";

Runtime.install({ logger: new DefaultLogger(process.env.WFLO_TEST_LOG === "on" ? "WARN" : "ERROR") });

/** A tool of a test's agent: its policy where it differs from a safe activity, and its code. */
export interface TestTool extends Partial<ToolSpec> {
  readonly name: string;
  readonly execute?: DeployedTool["execute"];
  readonly resource?: DeployedTool["resource"];
}

export interface TestWorld {
  readonly models: Models;
  readonly tools?: readonly TestTool[];
  /** What the agent `tester` has besides its tools. */
  readonly agent?: Partial<OfferedAgent>;
  readonly agents?: readonly OfferedAgent[];
  readonly store?: ObjectStore;
  readonly searchAttributes?: boolean;
  /** @default "refuse" */
  readonly unpriced?: "refuse" | "allow";
  /** Runs the code of sandbox tools. @default there is none */
  readonly code?: CodeTool;
  /** False: nobody looks after the sandbox queue. @default true */
  readonly sandboxed?: boolean;
  /** Code that runs at once. @default as much as comes */
  readonly sandboxSlots?: number;
  readonly locks?: Locks;
  /** @default knows no keys */
  readonly deciders?: Deciders;
  /** @default makes no spans */
  readonly tracer?: Tracer;
  /** @default keeps the records in `published` */
  readonly eventLog?: EventLog;
  /** @default one of its own */
  readonly taskQueue?: string;
  /** @default measurements that nobody looks at */
  readonly sinks?: InjectedSinks<WfloSinks>;
  /** @default the shared server */
  readonly address?: string;
  /** @default "default" */
  readonly namespace?: string;
  /** @default the bundle of the sources as they are */
  readonly workflowBundlePath?: string;
  /** Half a worker: runs move on only while there is one of each on their queue. @default both halves */
  readonly half?: "workflows" | "activities";
  /** Workflows run in the process's own thread, so that its heap is theirs. @default false */
  readonly sameThread?: boolean;
  /**
   * Histories that stay in memory. With 0 every task replays from the start: a query then sees what the server has, a
   * moment before the run itself has seen it, so that a command sent at once may come before its cause (a decision waits
   * for it: `early-decisions.test.ts`). @default 0 where WFLO_TEST_REPLAY is `all`, else 100
   */
  readonly maxCachedWorkflows?: number;
}

/** A worker of its own task queue, with ports in memory, and a client. */
export async function startAgentWorker(world: TestWorld) {
  const taskQueue = world.taskQueue ?? `test-${randomUUID()}`;
  const address = world.address ?? temporalAddress();
  const namespace = world.namespace ?? "default";
  const store = world.store ?? createMemoryObjectStore();
  const published: (LogRecord & { topic: string })[] = [];
  const specs = (world.tools ?? []).map(specOf);
  const ports = portsOf(world, store, specs, published);
  const activities = createActivities(ports, specs);
  const connection = await NativeConnection.connect({ address });
  const shared = { connection, namespace, maxHeartbeatThrottleInterval: "400ms", shutdownGraceTime: 0 } as const;
  const workflows = {
    workflowBundle: { code: await workflowCode(world.workflowBundlePath ?? workflowBundlePath()) },
    sinks: world.sinks ?? silentSinks(),
    maxCachedWorkflows: world.maxCachedWorkflows ?? (process.env.WFLO_TEST_REPLAY === "all" ? 0 : 100),
    stickyQueueScheduleToStartTimeout: "1s",
    debugMode: world.sameThread ?? false,
  } as const;
  const workers = [
    await WorkflowWorker.create({
      ...shared,
      taskQueue,
      ...(world.half === "activities" ? {} : workflows),
      activities: activities.agents,
      // Those of workflow tasks, the local ones, stay.
      enableNonLocalActivities: world.half !== "workflows",
    }),
  ];
  if (world.half !== "workflows" && world.sandboxed !== false && Object.keys(activities.sandbox).length > 0) {
    const sandboxed = { taskQueue: `${taskQueue}-sandbox`, activities: activities.sandbox };
    const slots = world.sandboxSlots === undefined ? {} : { maxConcurrentActivityTaskExecutions: world.sandboxSlots };
    workers.push(await Worker.create({ ...shared, ...sandboxed, ...slots }));
  }
  const running = Promise.all(workers.map(async (worker) => await worker.run()));
  const clientConnection = await Connection.connect({ address });
  const client = new Client({ connection: clientConnection, namespace });
  return {
    taskQueue,
    client,
    store,
    blobs: ports.blobs,
    transcripts: ports.transcripts,
    workspaces: ports.workspaces,
    /** Records in the order in which they arrived, repeated ones included. */
    published,
    start: async (input: unknown, workflowId = `run-${randomUUID()}`) =>
      await client.workflow.start<(input: unknown) => Promise<RunResult>>("agentRun", {
        taskQueue,
        workflowId,
        args: [input],
        // Without a cache the SDK drops a task now and then that comes beside a query: it is soon there again.
        workflowTaskTimeout: "5s",
      }),
    async stop() {
      for (const worker of workers) worker.shutdown();
      await running;
      await clientConnection.close();
      await connection.close();
      const problems = [...disagreements(published), ...schemaProblems(published)];
      if (problems.length > 0) throw new Error(problems.join("\n"));
    },
  };
}

/** As real workers load it. */
async function workflowCode(path: string): Promise<string> {
  return withoutCallStacks(await readFile(path, "utf8"));
}

export type AgentWorker = Awaited<ReturnType<typeof startAgentWorker>>;

function specOf(tool: TestTool): ToolSpec {
  const { execute: _execute, resource: _resource, ...spec } = tool;
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
  const agent: OfferedAgent = {
    name: "tester",
    instructions: "You are a test.",
    models: ["plain/one"],
    tools: specs,
    ...world.agent,
  };
  return {
    models: world.models,
    blobs,
    transcripts: createTranscripts(blobs),
    journal: createCallJournal(store),
    tokens: { append: () => {}, read: async function* () {}, close: async () => {} },
    meters: { count: () => {}, observe: () => {}, set: () => {} },
    ...(world.tracer ? { tracer: world.tracer } : {}),
    schemas: createSchemaChecker(),
    ...(world.deciders ? { deciders: world.deciders } : {}),
    locks: world.locks ?? createMemoryLocks(),
    secrets: { env: { get: async () => undefined }, file: { get: async () => undefined } },
    executors: Object.fromEntries(
      (world.tools ?? []).flatMap((tool) =>
        tool.execute
          ? [
              [
                tool.name,
                {
                  version: tool.version ?? "1",
                  execute: tool.execute,
                  ...(tool.resource ? { resource: tool.resource } : {}),
                },
              ],
            ]
          : [],
      ),
    ),
    code: world.code ?? (async () => await Promise.reject(new Error("no sandbox in this test"))),
    agents: new Map([agent, ...(world.agents ?? [])].map((offered) => [offered.name, offered])),
    workspaces: createWorkspaces(blobs),
    priceBook: "test",
    unpriced: world.unpriced ?? "refuse",
    searchAttributes: world.searchAttributes ?? true,
    now: () => new Date(),
    eventLog: world.eventLog ?? {
      publish: async (topic, records) => void published.push(...records.map((record) => ({ ...record, topic }))),
      close: async () => {},
    },
    topics: { events: "wflo.events", audit: "wflo.audit" },
  };
}

/** Measurements that nobody looks at. */
export function silentSinks(): InjectedSinks<WfloSinks> {
  const silent = { fn: () => {}, callDuringReplay: false };
  return {
    wflo: {
      runStarted: silent,
      runClosed: silent,
      costBooked: silent,
      modelChanged: silent,
      budgetLeft: silent,
      approvalDecided: silent,
      spanEnded: silent,
    },
  };
}

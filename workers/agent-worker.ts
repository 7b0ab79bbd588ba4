import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Context } from "@temporalio/activity";
import { type ActivityInterceptorsFactory, type NativeConnection, Worker } from "@temporalio/worker";
import type { Activities } from "../activities/index.js";
import type { Tracing } from "../adapters/opentelemetry/tracing.js";
import { workerConverter } from "../encryption/data-converter.js";
import type { KeyRing } from "../ports/key-ring.js";
import type { Meters } from "../ports/meters.js";
import { noteWork } from "./log-surroundings.js";
import { packageRoot } from "./tool-finder.js";
import { withEncodedFailures, withoutCallStacks, withTraces } from "./workflow-code.js";
import { workflowSinks } from "./workflow-sinks.js";
import { WorkflowWorker } from "./workflow-worker.js";

/** The queues that a worker may serve: agents (workflows, model calls, tools), and sandboxed code. */
export type Queue = "agents" | "sandbox";

export interface WorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** The agents' queue; sandboxed code is on `NAME-sandbox`. */
  readonly taskQueue: string;
  readonly queues: readonly Queue[];
  readonly activities: Activities;
  readonly meters: Meters;
  /** How many executions of code at once. @default as many as there are processors for this process */
  readonly sandboxConcurrency?: number | undefined;
  /** Undefined: nothing is traced. */
  readonly tracing?: Tracing | undefined;
  /** Undefined: payloads are not encrypted. */
  readonly keyRing?: KeyRing | undefined;
  /** @default the bundle of this package's build */
  readonly workflowBundlePath?: string;
  readonly maxCachedWorkflows?: number;
  /** Call stacks of workflow code, for errors and for the Web UI; they cost half of what a workflow costs. @default false */
  readonly stackTraces?: boolean;
}

/** Workers of one process, polling. */
export interface RunningWorkers {
  /** Rejects when a worker fails for good; resolves when all have stopped. */
  readonly ended: Promise<void>;
  /** Why there is a queue that is not polled; empty: all are. */
  unready(): readonly string[];
  /** Takes no more work, lets what is under way end for a while, and resolves when all is quiet. */
  stop(): Promise<void>;
}

/** A killed worker's runs go on elsewhere after this: a workflow task goes back to the shared queue. */
const STICKY_SCHEDULE_TO_START = "1s";

/** Heartbeats are sent at least this often, so that cancel and pause reach a call within moments; the time-out is 1.5 s. */
const HEARTBEAT_THROTTLE = "500ms";

/** Calls that are under way when a worker stops may end; after it they are cut, and go on elsewhere. */
const SHUTDOWN_GRACE = "10s";
const SHUTDOWN_FORCE = "20s";

const MODEL_CALLS_AT_ONCE = 200;

/** Starts polling. */
export async function startWorkers(options: WorkerOptions): Promise<RunningWorkers> {
  const workers: { readonly queue: string; readonly worker: Worker; readonly running: Promise<void> }[] = [];
  const stop = async () => {
    for (const { worker } of workers) if (worker.getState() === "RUNNING") worker.shutdown();
    await Promise.allSettled(workers.map(({ running }) => running));
  };
  try {
    for (const queue of options.queues) {
      // Without a tool that runs code there is nothing to do on the sandbox queue.
      if (queue === "sandbox" && Object.keys(options.activities.sandbox).length === 0) continue;
      const taskQueue = queue === "agents" ? options.taskQueue : `${options.taskQueue}-sandbox`;
      const worker = await createWorker(options, queue, taskQueue);
      // Run at once: a worker that never ran keeps the connection from closing.
      const running = worker.run();
      running.catch(() => undefined);
      workers.push({ queue: taskQueue, worker, running });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const ended = Promise.all(workers.map(({ running }) => running)).then(() => undefined);
  ended.catch(() => undefined);
  return {
    ended,
    unready: () =>
      workers.filter(({ worker }) => worker.getState() !== "RUNNING").map(({ queue }) => `${queue} is not polled`),
    stop,
  };
}

async function createWorker(options: WorkerOptions, queue: Queue, taskQueue: string): Promise<Worker> {
  const { connection, namespace, activities, meters } = options;
  const activity = [...(options.tracing ? [await tracedActivities()] : []), noteWork];
  const shared = {
    connection,
    namespace,
    taskQueue,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    defaultHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    shutdownGraceTime: SHUTDOWN_GRACE,
    shutdownForceTime: SHUTDOWN_FORCE,
    ...(options.keyRing ? { dataConverter: workerConverter(options.keyRing) } : {}),
    interceptors: { activity },
  } as const;
  if (queue === "sandbox") {
    return await Worker.create({
      ...shared,
      activities: activities.sandbox,
      maxConcurrentActivityTaskExecutions: options.sandboxConcurrency ?? availableParallelism(),
    });
  }
  return await WorkflowWorker.create({
    ...shared,
    workflowBundle: { code: await workflowCode(options) },
    activities: activities.agents,
    sinks: workflowSinks(meters, options.tracing?.spanEnded),
    stickyQueueScheduleToStartTimeout: STICKY_SCHEDULE_TO_START,
    maxConcurrentActivityTaskExecutions: MODEL_CALLS_AT_ONCE,
    ...(options.maxCachedWorkflows === undefined ? {} : { maxCachedWorkflows: options.maxCachedWorkflows }),
  });
}

/** The SDK's own: an activity's span, and its place in the trace. */
async function tracedActivities(): Promise<ActivityInterceptorsFactory> {
  const { OpenTelemetryActivityInboundInterceptor } = await import(
    "@temporalio/interceptors-opentelemetry/lib/worker/index.js"
  );
  return (context: Context) => ({ inbound: new OpenTelemetryActivityInboundInterceptor(context) });
}

async function workflowCode(options: WorkerOptions): Promise<string> {
  const { workflowBundlePath, stackTraces = false, keyRing, tracing } = options;
  const bundle = await readFile(workflowBundlePath ?? join(packageRoot(), "dist/workflow-bundle.js"), "utf8");
  const traced = tracing ? withTraces(bundle, tracing.settings) : bundle;
  const code = keyRing ? withEncodedFailures(traced) : traced;
  return stackTraces ? code : withoutCallStacks(code);
}

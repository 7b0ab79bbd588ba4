import type { NativeConnection } from "@temporalio/worker";
import type { Meters } from "../ports/meters.js";

/** How things stand at the server, as gauges. */
export interface Standing {
  /** Asks the server, unless that was done a moment ago; a server that does not answer leaves what was known. */
  look(): Promise<void>;
}

export interface StandingOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly meters: Meters;
  /** The namespace has the contract's search attributes. */
  readonly searchAttributes: boolean;
}

const STATES = ["running", "awaiting_approval", "awaiting_budget", "paused"] as const;

/** Of Temporal's API. */
const KINDS = { workflow: 1, activity: 2 } as const;

/** Several scrapers ask the server no more than one does. In milliseconds. */
const FRESH_MS = 5_000;
/** A scraper waits ten seconds by default, for everything. */
const PATIENCE_MS = 3_000;

/** Measured when somebody scrapes: nobody who looks costs nothing. */
export function createStanding(options: StandingOptions): Standing {
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<unknown> | undefined;
  const ask = async () => {
    const queues = [options.taskQueue, `${options.taskQueue}-sandbox`];
    const measured = [
      ...(options.searchAttributes ? STATES.map(async (state) => await countRuns(options, state)) : []),
      measureBacklog(options, options.taskQueue, "workflow"),
      ...queues.map(async (queue) => await measureBacklog(options, queue, "activity")),
    ];
    await Promise.allSettled(measured);
  };
  return {
    async look() {
      if (performance.now() - lookedAt > FRESH_MS) {
        lookedAt = performance.now();
        looking = options.connection.withDeadline(Date.now() + PATIENCE_MS, ask);
      }
      await looking?.catch(() => undefined);
    },
  };
}

async function countRuns({ connection, namespace, meters }: StandingOptions, state: string): Promise<void> {
  const { count } = await connection.workflowService.countWorkflowExecutions({
    namespace,
    query: `WorkflowType = 'agentRun' AND ExecutionStatus = 'Running' AND WfloStatus = '${state}'`,
  });
  meters.set("wflo_runs_open", { state }, Number(count));
}

async function measureBacklog(
  { connection, namespace, meters }: StandingOptions,
  queue: string,
  kind: keyof typeof KINDS,
): Promise<void> {
  const { stats } = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: queue },
    taskQueueType: KINDS[kind],
    reportStats: true,
  });
  const { seconds, nanos } = stats?.approximateBacklogAge ?? {};
  meters.set("wflo_task_queue_backlog", { queue, kind }, Number(stats?.approximateBacklogCount ?? 0));
  meters.set("wflo_task_queue_backlog_age_seconds", { queue, kind }, Number(seconds ?? 0) + (nanos ?? 0) / 1e9);
}

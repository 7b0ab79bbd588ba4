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

/**
 * Several scrapers ask the server no more than one does. Counts are queries of the index, of which a server takes few a second
 * from all workers together. In milliseconds.
 */
const COUNTS_FRESH_MS = 60_000;
const BACKLOG_FRESH_MS = 10_000;
/** A scraper waits ten seconds by default, for everything. */
const PATIENCE_MS = 3_000;

/** Measured when somebody scrapes: nobody who looks costs nothing. */
export function createStanding(options: StandingOptions): Standing {
  const { connection, taskQueue, searchAttributes } = options;
  const counts = atMostEvery(COUNTS_FRESH_MS, async () => {
    await Promise.allSettled(STATES.map(async (state) => await countRuns(options, state)));
  });
  const backlog = atMostEvery(BACKLOG_FRESH_MS, async () => {
    await Promise.allSettled([
      measureBacklog(options, taskQueue, "workflow"),
      ...[taskQueue, `${taskQueue}-sandbox`].map(async (queue) => await measureBacklog(options, queue, "activity")),
    ]);
  });
  const timely = async (ask: () => Promise<void>) => await connection.withDeadline(Date.now() + PATIENCE_MS, ask);
  return {
    async look() {
      const asked = [timely(backlog), ...(searchAttributes ? [timely(counts)] : [])];
      await Promise.allSettled(asked);
    },
  };
}

/** The work, or where it was done a moment ago, what came of that. */
function atMostEvery(ms: number, work: () => Promise<void>): () => Promise<void> {
  let at = Number.NEGATIVE_INFINITY;
  let last: Promise<void> = Promise.resolve();
  return async () => {
    if (performance.now() - at > ms) {
      at = performance.now();
      last = work();
    }
    await last;
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

import { ClientError } from "./client-error.js";
import type { HistoryEvent, Temporal } from "./temporal.js";

/** Events of one run of a workflow in the order that they happened, as they arrive. */
export interface HistoryPage {
  /** The run (in Temporal's sense) that they belong to: a long agent run goes through several. */
  readonly runId: string;
  readonly events: readonly HistoryEvent[];
}

/** The server holds a poll for 20 s and then answers with nothing; longer than this there is no server. */
const POLL_TIMEOUT_MS = 60_000;

/** The server's code for all events, not only the one that closes. */
const ALL_EVENTS = 1;

/**
 * A run's history from its first event to its end, waiting for what has not happened yet; follows continue-as-new.
 * Ends quietly when the signal aborts.
 */
export async function* followHistory(
  temporal: Temporal,
  run: { readonly workflowId: string; readonly runId: string },
  signal?: AbortSignal,
): AsyncGenerator<HistoryPage> {
  const { workflowId } = run;
  for (let runId: string | undefined = run.runId; runId !== undefined; ) {
    let next: string | undefined;
    for await (const page of pagesOf(temporal, { workflowId, runId }, { waits: true, ...(signal ? { signal } : {}) })) {
      next = page.events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
      yield page;
    }
    runId = next;
  }
}

/** What there is of a run's history by now, without a wait: one history, which may be one of several of the run. */
export async function* readHistory(
  temporal: Temporal,
  run: { readonly workflowId: string; readonly runId: string },
): AsyncGenerator<HistoryPage> {
  yield* pagesOf(temporal, run, { waits: false });
}

/** A run's histories, by Temporal's ids of them. */
export interface HistoryIds {
  /** The first one first. */
  readonly runIds: readonly string[];
  /** Of the run's very first history, also where the server does not have that any more. */
  readonly firstRunId: string;
  readonly isWhole: boolean;
}

type Started = HistoryEvent["workflowExecutionStartedEventAttributes"];

/** The ids of a run's histories, from the newest back as far as the server has them. */
export async function historyIds(temporal: Temporal, workflowId: string): Promise<HistoryIds> {
  const handle = temporal.onlooker.workflow.getHandle(workflowId);
  const { runId } = await temporal.call(async () => await handle.describe(), { workflowId });
  const runIds: string[] = [];
  let firstRunId = "";
  for (let next: string | undefined = runId; next; ) {
    const start: Started = (await firstEvent(temporal, workflowId, next).catch(noneWhereForgotten))
      ?.workflowExecutionStartedEventAttributes;
    if (!start) return { runIds, firstRunId, isWhole: false };
    runIds.unshift(next);
    firstRunId = start.firstExecutionRunId ?? next;
    next = start.continuedExecutionRunId ?? undefined;
  }
  return { runIds, firstRunId, isWhole: true };
}

function noneWhereForgotten(error: unknown): undefined {
  if (error instanceof ClientError && error.kind === "no-such-run") return undefined;
  throw error;
}

/** The first event of a run: what it was started with. */
export async function firstEvent(
  temporal: Temporal,
  workflowId: string,
  runId?: string,
): Promise<HistoryEvent | undefined> {
  const page = await temporal.call(
    async () =>
      await temporal.client.workflowService.getWorkflowExecutionHistory({
        namespace: temporal.namespace,
        execution: { workflowId, ...(runId === undefined ? {} : { runId }) },
        maximumPageSize: 1,
      }),
    { workflowId },
  );
  return page.history?.events?.[0];
}

interface PageOptions {
  /** For what has not happened yet, until the history's end. */
  readonly waits: boolean;
  readonly signal?: AbortSignal;
}

async function* pagesOf(
  temporal: Temporal,
  execution: { readonly workflowId: string; readonly runId: string },
  options: PageOptions,
): AsyncGenerator<HistoryPage> {
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await poll(temporal, execution, nextPageToken, options);
    if (!page) return;
    const events = page.history?.events ?? [];
    if (events.length > 0) yield { runId: execution.runId, events };
    nextPageToken = page.nextPageToken ?? undefined;
  } while (nextPageToken !== undefined && nextPageToken.length > 0);
}

async function poll(
  temporal: Temporal,
  execution: { readonly workflowId: string; readonly runId: string },
  nextPageToken: Uint8Array | undefined,
  { waits, signal }: PageOptions,
) {
  if (signal?.aborted) return undefined;
  const request = {
    namespace: temporal.namespace,
    execution,
    waitNewEvent: waits,
    historyEventFilterType: ALL_EVENTS,
    ...(nextPageToken ? { nextPageToken } : {}),
  };
  try {
    return await temporal.call(async () => await temporal.client.workflowService.getWorkflowExecutionHistory(request), {
      workflowId: execution.workflowId,
      timeoutMs: POLL_TIMEOUT_MS,
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  }
}

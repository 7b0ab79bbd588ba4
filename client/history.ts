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
    for await (const page of pagesOf(temporal, { workflowId, runId }, signal)) {
      next = page.events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
      yield page;
    }
    runId = next;
  }
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

async function* pagesOf(
  temporal: Temporal,
  execution: { readonly workflowId: string; readonly runId: string },
  signal: AbortSignal | undefined,
): AsyncGenerator<HistoryPage> {
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await poll(temporal, execution, nextPageToken, signal);
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
  signal: AbortSignal | undefined,
) {
  if (signal?.aborted) return undefined;
  const request = {
    namespace: temporal.namespace,
    execution,
    waitNewEvent: true,
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

import { defaultPayloadConverter } from "@temporalio/common";
import { parseTraceparent, TRACE_HEADER } from "../core/trace.js";
import { historyIds, readHistory } from "./history.js";
import { createHistoryFold } from "./history-fold.js";
import type { RunChange } from "./run-changes.js";
import type { HistoryEvent, Temporal } from "./temporal.js";

/** What a run's histories say of it, so far. */
export interface RunStory {
  /** Oldest first. */
  readonly changes: readonly RunChange[];
  /** The trace that it belongs to; absent where nobody traced it. */
  readonly traceId?: string;
  /** False where the server has forgotten its first histories. */
  readonly isWhole: boolean;
}

/** Reads all that has happened, without waiting and without a worker. */
export async function storyOf(temporal: Temporal, workflowId: string): Promise<RunStory> {
  const { runIds, isWhole } = await historyIds(temporal, workflowId);
  const fold = createHistoryFold(temporal.decode);
  const changes: RunChange[] = [];
  let traceId: string | undefined;
  for (const runId of runIds) {
    for await (const page of readHistory(temporal, { workflowId, runId })) {
      for (const event of page.events) {
        traceId ??= traceOf(event);
        changes.push(...(await fold.take(event)));
      }
    }
  }
  return { changes, isWhole, ...(traceId === undefined ? {} : { traceId }) };
}

/** From the header of a start, or of a step. */
function traceOf(event: HistoryEvent): string | undefined {
  const { header } = event.workflowExecutionStartedEventAttributes ?? event.activityTaskScheduledEventAttributes ?? {};
  const payload = header?.fields?.[TRACE_HEADER];
  if (!payload) return undefined;
  try {
    const carried = defaultPayloadConverter.fromPayload<{ traceparent?: unknown } | null>(payload);
    return parseTraceparent(carried?.traceparent)?.traceId;
  } catch {
    return undefined;
  }
}

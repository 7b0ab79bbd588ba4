import { CancellationScope, condition, ParentClosePolicy, startChild, workflowInfo } from "@temporalio/workflow";
import type { OutgoingRecord } from "../core/activity-contract.js";
import { appendRecord } from "../core/audit.js";
import { acknowledge, appendAudit, appendEvent, batch, type EventType } from "../core/events.js";
import type { JsonObject } from "../core/json.js";
import { publishNow, publishSoon } from "./calls.js";
import { DELIVER_EVENTS } from "./names.js";
import { now, type Run } from "./run-context.js";

/** So much travels beside one model call. */
const BATCH = { bytes: 16 * 1024, records: 100 };

/** Writes an event down; it goes out with the next model call, or when the run parks or ends. */
export function recordEvent(run: Run, type: EventType, data: JsonObject): void {
  run.state.outbox = appendEvent(run.state.outbox, sourceOf(), type, now(), data);
}

/** Writes down who did what: the chain's next record. */
export function recordAudit(run: Run, action: string, facts: JsonObject, by?: string): void {
  const { workflowId, firstExecutionRunId: firstRunId } = workflowInfo();
  const fact = { at: now(), workflowId, firstRunId, action, ...(by === undefined ? {} : { by }), facts };
  const { chain, record } = appendRecord(run.state.audit, fact);
  run.state.audit = chain;
  run.state.outbox = appendAudit(run.state.outbox, record as unknown as JsonObject);
}

/** What goes out with the next model call. */
export function unpublished(run: Run): readonly OutgoingRecord[] {
  return run.flush !== null ? [] : batch(run.state.outbox, BATCH);
}

export function wasPublished(run: Run, seq: number): void {
  run.state.outbox = acknowledge(run.state.outbox, seq);
}

/** Publishes beside a run that parks, once at a time; what does not go out now goes out later. */
export function flushOutbox(run: Run): void {
  if (run.flush !== null || run.state.outbox.waiting.length === 0) return;
  const scope = new CancellationScope({ cancellable: true });
  run.flush = scope;
  void scope
    .run(async () => await flush(run, publishSoon))
    .finally(() => {
      run.flush = null;
    });
}

/** Publishes what is left at the end of a run; where that does not go quickly, an abandoned child finishes the job. */
export async function flushAtEnd(run: Run): Promise<void> {
  run.flush?.cancel();
  await condition(() => run.flush === null);
  if (await flush(run, publishNow)) return;
  const { workflowId, firstExecutionRunId } = workflowInfo();
  while (run.state.outbox.waiting.length > 0) {
    const records = batch(run.state.outbox, BATCH);
    const last = records.at(-1)?.seq ?? 0;
    await startChild(DELIVER_EVENTS, {
      workflowId: `${workflowId}/${firstExecutionRunId}/deliver-${last}`,
      args: [{ key: workflowId, records }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
    wasPublished(run, last);
  }
}

/** True when nothing is waiting any more. */
async function flush(run: Run, publish: typeof publishNow): Promise<boolean> {
  while (run.state.outbox.waiting.length > 0) {
    const records = batch(run.state.outbox, BATCH);
    try {
      await publish(records);
    } catch {
      return false;
    }
    wasPublished(run, records.at(-1)?.seq ?? 0);
  }
  return true;
}

function sourceOf() {
  const { namespace, workflowId, firstExecutionRunId: firstRunId } = workflowInfo();
  return { namespace, workflowId, firstRunId };
}

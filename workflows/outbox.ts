import {
  CancellationScope,
  condition,
  isCancellation,
  ParentClosePolicy,
  patched,
  startChild,
  workflowInfo,
} from "@temporalio/workflow";
import {
  type OutgoingRecord,
  PART_BYTES,
  type PublishRequest,
  type StoredRecords,
  type Unlogged,
} from "../core/activity-contract.js";
import { type AuditChain, appendRecord } from "../core/audit.js";
import type { EventData } from "../core/event-data.js";
import { acknowledge, appendAudit, appendEvent, batch, type EventType, type Outbox } from "../core/events.js";
import { jsonBytes } from "../core/input-bound.js";
import type { JsonObject } from "../core/json.js";
import type { Publishing } from "../core/run.js";
import type { BlobAddress } from "../core/transcript.js";
import { publishPatiently, publishSoon, storePiece } from "./calls.js";
import { DELIVER_EVENTS } from "./names.js";
import { now } from "./run-context.js";

/** So much travels in one payload. */
const BATCH = { bytes: PART_BYTES.outbox, records: 100 };

/** More than this in memory waits in the store: the broker has been away for long. */
const MOST_WAITING_BYTES = 48 * 1024;
const FEWEST_TO_STORE = 20;

/** The longest pause between two tries to publish, in turns. */
const LONGEST_PAUSE_TURNS = 32;

/** So long the end of a run waits for records that are just being published, in milliseconds. */
const FLUSH_PATIENCE_MS = 2_000;

/** Who has records to publish: a run, or an account. */
export interface Publisher {
  readonly state: {
    outbox: Outbox;
    publishing: Publishing;
    audit: AuditChain;
    /** Pauses between tries that fail are counted in these. */
    readonly turn: number;
  };
  /** Records are being published beside the work. */
  flush: CancellationScope | null;
  readonly workScope: CancellationScope | null;
}

/** Writes an event down; it goes out with the next model call, or when the run parks or ends. */
export function recordEvent<T extends EventType>(run: Publisher, type: T, data: EventData[T]): void {
  run.state.outbox = appendEvent(run.state.outbox, type, now(), data);
}

/** Writes down who did what: the chain's next record. */
export function recordAudit(run: Publisher, action: string, facts: JsonObject, by?: string): void {
  const { workflowId, firstExecutionRunId: firstRunId } = workflowInfo();
  const fact = { at: now(), workflowId, firstRunId, action, ...(by === undefined ? {} : { by }), facts };
  const { chain, record } = appendRecord(run.state.audit, fact);
  run.state.audit = chain;
  run.state.outbox = appendAudit(run.state.outbox, record as unknown as JsonObject);
}

/** What goes out with the next model call: nothing while others publish, or soon after a try that failed. */
export function unpublished(run: Publisher): readonly OutgoingRecord[] {
  const { outbox, publishing, turn } = run.state;
  if (run.flush !== null || outbox.stored !== null || turn < publishing.nextTurn) return [];
  return batch(outbox, BATCH);
}

/**
 * Everything that nobody was told yet, to be put on the log before something dangerous is done. It may be on its way there
 * already: a log stores at least once.
 */
export function allUnlogged(run: Publisher): Unlogged {
  const { outbox } = run.state;
  return { records: batch(outbox, BATCH), ...(outbox.stored ? { stored: outbox.stored } : {}) };
}

/** True where more waits than travels with one step: the broker was away for long. */
export function isBacklog({ state: { outbox } }: Publisher): boolean {
  // Histories from before this was looked at go on as they began.
  return batch(outbox, BATCH).length < outbox.waiting.length && patched("all-before-code");
}

/** A step has put these on the log. */
export function noteLogged(run: Publisher, { stored }: Unlogged, seq: number): void {
  if (stored !== undefined && run.state.outbox.stored === stored) {
    run.state.outbox = { ...run.state.outbox, stored: null };
  }
  notePublished(run, seq);
}

/** Puts them on the log, however long it takes. */
export async function logPatiently(run: Publisher, unlogged: Unlogged): Promise<void> {
  await publishPatiently({ ...requestFor(unlogged.records, unlogged.stored ?? null) });
  noteLogged(run, unlogged, unlogged.records.at(-1)?.seq ?? 0);
}

/** What became of the records that went out with a model call: stored up to `seq`, or not (then undefined). */
export function noteCallPublished(run: Publisher, sent: readonly OutgoingRecord[], seq: number | undefined): void {
  if (sent.length > 0) notePublished(run, seq);
}

/** Publishes beside a run that parks, once at a time; what does not go out now goes out later. */
export function flushOutbox(run: Publisher): void {
  const { outbox } = run.state;
  if (run.flush !== null || (outbox.waiting.length === 0 && outbox.stored === null)) return;
  // It goes on beside the turns.
  const scope = new CancellationScope({ cancellable: true, parent: run.workScope ?? CancellationScope.current() });
  run.flush = scope;
  void scope
    .run(async () => await publishWaiting(run, outbox.stored ? "1m" : "10s"))
    .finally(() => {
      run.flush = null;
      scope.cancel();
    });
}

/** Between turns: what the broker does not take goes to the store, and now and then is tried again. */
export async function tendOutbox(run: Publisher): Promise<void> {
  const { outbox, publishing, turn } = run.state;
  if (run.flush !== null) return;
  if (outbox.waiting.length >= FEWEST_TO_STORE && jsonBytes(outbox.waiting) > MOST_WAITING_BYTES) {
    // A store that is away too is waited for elsewhere.
    await storeWaiting(run).catch(() => {});
  }
  if (run.state.outbox.stored !== null && turn >= publishing.nextTurn) flushOutbox(run);
}

/** Moves what waits to the store, as the newest blob of a chain. */
export async function storeWaiting(run: Publisher): Promise<void> {
  const { stored: prev, waiting: records } = run.state.outbox;
  const piece: StoredRecords = { prev, records };
  const stored = await storePiece(JSON.stringify(piece));
  run.state.outbox = { ...acknowledge(run.state.outbox, records.at(-1)?.seq ?? 0), stored };
}

/** Nobody publishes beside the run any more. */
export async function endFlush(run: Publisher): Promise<void> {
  if (run.flush !== null) {
    // Not cancelled at once: a run that completes while that step is just starting has its last workflow task refused, and
    // with it an update that the task answered.
    await condition(() => run.flush === null, FLUSH_PATIENCE_MS);
    run.flush?.cancel();
    await condition(() => run.flush === null);
  }
}

/**
 * Publishes what is left at the end of a run; where that does not go quickly, an abandoned child finishes the job. What
 * is published here was decided in an earlier task, so that no other event can ever have its number.
 */
export async function publishAtEnd(run: Publisher): Promise<void> {
  await endFlush(run);
  if (run.state.publishing.failures === 0 && run.state.outbox.stored === null) await publishWaiting(run, "2s");
  await handOver(run);
}

async function handOver(run: Publisher): Promise<void> {
  const { workflowId, runId } = workflowInfo();
  if (jsonBytes(run.state.outbox.waiting) > PART_BYTES.outbox) await storeWaiting(run).catch(() => {});
  while (run.state.outbox.waiting.length > 0 || run.state.outbox.stored !== null) {
    const { stored } = run.state.outbox;
    const records = batch(run.state.outbox, BATCH);
    const last = records.at(-1)?.seq ?? 0;
    await startChild(DELIVER_EVENTS, {
      workflowId: `deliver:${runId}:${run.state.outbox.queued}-${records.length}`,
      args: [requestFor(records, stored)],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `events of ${workflowId.slice(0, 100)}`,
    });
    run.state.outbox = { ...acknowledge(run.state.outbox, last), stored: null };
  }
}

/** True when nothing is waiting any more. */
async function publishWaiting(run: Publisher, patience: "10s" | "1m" | "2s"): Promise<boolean> {
  while (run.state.outbox.waiting.length > 0 || run.state.outbox.stored !== null) {
    const { stored } = run.state.outbox;
    const records = batch(run.state.outbox, BATCH);
    try {
      await publishSoon(requestFor(records, stored), patience);
    } catch (error) {
      // A run that goes on or ends does not wait for a try that is under way; that says nothing of the broker.
      if (!isCancellation(error)) notePublished(run, undefined);
      return false;
    }
    if (run.state.outbox.stored === stored) run.state.outbox = { ...run.state.outbox, stored: null };
    notePublished(run, records.at(-1)?.seq ?? 0);
  }
  return true;
}

function notePublished(run: Publisher, seq: number | undefined): void {
  const { state } = run;
  const failures = seq === undefined ? state.publishing.failures + 1 : 0;
  const pause = failures === 0 ? 0 : Math.min(LONGEST_PAUSE_TURNS, 2 ** failures);
  state.publishing = { failures, nextTurn: state.turn + pause };
  if (seq !== undefined) state.outbox = acknowledge(state.outbox, seq);
}

function requestFor(records: readonly OutgoingRecord[], stored: BlobAddress | null): PublishRequest {
  const { namespace, workflowId, firstExecutionRunId: firstRunId } = workflowInfo();
  return { source: { namespace, workflowId, firstRunId }, records, ...(stored ? { stored } : {}) };
}

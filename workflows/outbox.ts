import { startChild, ParentClosePolicy, workflowInfo, CancellationScope } from "@temporalio/workflow";
import type { OutgoingRecord } from "../core/activity-contract.js";
import { appendRecord } from "../core/audit.js";
import { acknowledge, append, batch, type EventType } from "../core/events.js";
import type { JsonObject } from "../core/json.js";
import { publishNow } from "./calls.js";
import { DELIVER_EVENTS } from "./names.js";
import { now, type Run } from "./run-context.js";

/** So much travels beside a model call. */
const BATCH_BYTES = 16 * 1024;
const BATCH_RECORDS = 100;

/** Writes an event down; it goes out with the next model call, or when the run parks or ends. */
export function recordEvent(run: Run, type: EventType, data: JsonObject): void {
  run.state.outbox = append(run.state.outbox, { topic: "events", type, data, at: now(), source: sourceOf() });
}

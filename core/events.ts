import type { OutgoingRecord, RecordSource } from "./activity-contract.js";
import { utf8Bytes } from "./digest.js";
import type { EventData } from "./event-data.js";
import type { JsonObject } from "./json.js";
import type { BlobAddress } from "./transcript.js";

/** The types of CONTRACT 'Events'. */
export type EventType = keyof EventData;

/** Records on their way out. `queued` counts all records in one order; events have a gapless number of their own. */
export interface Outbox {
  /** Numbers given to records of any topic so far. */
  readonly queued: number;
  /** Events so far: the next one's `sequence` is this plus one. */
  readonly events: number;
  readonly waiting: readonly OutgoingRecord[];
  /** The newest blob of records that come before `waiting`: the broker has been away for long. */
  readonly stored: BlobAddress | null;
}

export const EMPTY_OUTBOX: Outbox = { queued: 0, events: 0, waiting: [], stored: null };

/** An event as it waits and travels: each turn's history has it, so it is short. */
interface EventNote extends JsonObject {
  readonly sequence: number;
  readonly type: EventType;
  readonly time: string;
  readonly data: JsonObject;
}

/** The document that is published: for an event, CloudEvents 1.0 in structured JSON. */
export function documentOf(source: RecordSource, { topic, value }: OutgoingRecord): JsonObject {
  return topic === "events" ? cloudEvent(source, value as EventNote) : value;
}

/** `sequence` is gapless from 1 in a run, ten digits so that it sorts as text. */
function cloudEvent(source: RecordSource, { sequence, type, time, data }: EventNote): JsonObject {
  return {
    specversion: "1.0",
    id: `${source.workflowId}/${source.firstRunId}/${sequence}`,
    source: `/wflo/${source.namespace}/${source.workflowId}`,
    type,
    time,
    subject: source.workflowId,
    sequence: String(sequence).padStart(10, "0"),
    datacontenttype: "application/json",
    data,
  };
}

export function appendEvent<T extends EventType>(outbox: Outbox, type: T, time: string, data: EventData[T]): Outbox {
  const sequence = outbox.events + 1;
  const note: EventNote = { sequence, type, time, data };
  return { ...enqueue(outbox, "events", note), events: sequence };
}

export function appendAudit(outbox: Outbox, record: JsonObject): Outbox {
  return enqueue(outbox, "audit", record);
}

/** The oldest records that fit, at least one where there is one. */
export function batch(
  outbox: Outbox,
  most: { readonly bytes: number; readonly records: number },
): readonly OutgoingRecord[] {
  let bytes = 0;
  const records: OutgoingRecord[] = [];
  for (const record of outbox.waiting) {
    bytes += utf8Bytes(JSON.stringify(record));
    if (records.length >= most.records || (records.length > 0 && bytes > most.bytes)) break;
    records.push(record);
  }
  return records;
}

/** Everything up to this number is stored outside. */
export function acknowledge(outbox: Outbox, seq: number): Outbox {
  return { ...outbox, waiting: outbox.waiting.filter((record) => record.seq > seq) };
}

function enqueue(outbox: Outbox, topic: OutgoingRecord["topic"], value: JsonObject): Outbox {
  const seq = outbox.queued + 1;
  return { ...outbox, queued: seq, waiting: [...outbox.waiting, { topic, seq, value }] };
}

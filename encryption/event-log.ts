import type { EventLog, EventReader, LogRecord, ReadRecord } from "../ports/event-log.js";
import type { KeyRing } from "../ports/key-ring.js";
import { seal, unseal } from "./cipher.js";

/** What a CloudEvent's `datacontenttype` says of data that is sealed. */
const SEALED_TYPE = "application/vnd.wflo.sealed";

/**
 * A log whose documents are sealed. CloudEvents keep their envelope (id, type, source, time, subject, sequence), so that
 * others can order and dedupe them, and have `data_base64` in place of `data`; of other documents (audit records) nothing
 * stays in clear: `{"sealed": "…"}`. Documents from before there was encryption are read as they are.
 */
export function encryptedEventLog(log: EventLog & EventReader, ring: KeyRing): EventLog & EventReader {
  return {
    system: log.system,
    async publish(topic, records) {
      const sealed = await Promise.all(records.map(async (record) => await sealedRecord(ring, topic, record)));
      await log.publish(topic, sealed);
    },
    // Not lazily: `end` is where the log ends at this call.
    read: (topic, options) => clearRecords(ring, topic, log.read(topic, options)),
    close: async () => await log.close(),
  };
}

async function* clearRecords(ring: KeyRing, topic: string, records: AsyncIterable<ReadRecord>) {
  for await (const record of records) yield { ...record, value: await clearText(ring, topic, record.value) };
}

interface Envelope {
  readonly id?: unknown;
  readonly specversion?: unknown;
  readonly data?: unknown;
  readonly data_base64?: unknown;
  readonly datacontenttype?: unknown;
  readonly sealed?: unknown;
}

async function sealedRecord(ring: KeyRing, topic: string, record: LogRecord): Promise<LogRecord> {
  const document = JSON.parse(record.value) as Envelope;
  if (document.specversion === undefined) {
    const sealed = await base64Of(ring, record.value, placeOf(topic));
    return { ...record, value: JSON.stringify({ sealed }) };
  }
  const { data, ...envelope } = document;
  const data_base64 = await base64Of(ring, JSON.stringify(data ?? null), placeOf(topic, document.id));
  return { ...record, value: JSON.stringify({ ...envelope, datacontenttype: SEALED_TYPE, data_base64 }) };
}

async function clearText(ring: KeyRing, topic: string, value: string): Promise<string> {
  // A line that nobody of us wrote is left to whoever reads it.
  if (!value.includes(SEALED_TYPE) && !value.startsWith('{"sealed":')) return value;
  const { data_base64, ...envelope } = JSON.parse(value) as Envelope;
  if (typeof envelope.sealed === "string") return await textOf(ring, envelope.sealed, placeOf(topic));
  if (envelope.datacontenttype !== SEALED_TYPE || typeof data_base64 !== "string") return value;
  const data: unknown = JSON.parse(await textOf(ring, data_base64, placeOf(topic, envelope.id)));
  return JSON.stringify({ ...envelope, datacontenttype: "application/json", data });
}

function placeOf(topic: string, id: unknown = "record"): string {
  return `${topic} ${String(id)}`;
}

async function base64Of(ring: KeyRing, text: string, place: string): Promise<string> {
  return Buffer.from(await seal(ring, Buffer.from(text), place)).toString("base64");
}

async function textOf(ring: KeyRing, base64: string, place: string): Promise<string> {
  return Buffer.from(await unseal(ring, Buffer.from(base64, "base64"), place)).toString();
}

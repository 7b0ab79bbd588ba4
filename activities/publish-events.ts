import type { OutgoingRecord, PublishRequest, RecordSource, StoredRecords } from "../core/activity-contract.js";
import { documentOf } from "../core/events.js";
import type { BlobAddress } from "../core/transcript.js";
import type { EventLog, LogRecord } from "../ports/event-log.js";
import type { Meters } from "../ports/meters.js";
import { NO_TRACER, type Tracer } from "../ports/tracer.js";
import type { Blobs } from "./blobs.js";

export interface PublishPorts {
  readonly eventLog: EventLog;
  readonly blobs: Blobs;
  readonly meters: Meters;
  /** The topics' names outside. */
  readonly topics: Readonly<Record<OutgoingRecord["topic"], string>>;
  /** @default makes no spans */
  readonly tracer?: Tracer;
}

/** Publishes a run's records in order, stored ones first; may publish one twice after a crash, never none. */
export async function publish(ports: PublishPorts, { source, records, stored }: PublishRequest): Promise<void> {
  if (stored) await publishStored(ports, source, stored);
  await publishRecords(ports, source, records);
}

async function publishRecords(
  ports: PublishPorts,
  source: RecordSource,
  records: readonly OutgoingRecord[],
): Promise<void> {
  for (const topic of ["events", "audit"] as const) {
    const batch: LogRecord[] = records
      .filter((record) => record.topic === topic)
      .map((record) => ({ key: source.workflowId, value: JSON.stringify(documentOf(source, record)) }));
    if (batch.length === 0) continue;
    try {
      await (topic === "events" ? sendTraced : send)(ports, ports.topics[topic], batch);
      ports.meters.count("wflo_events_published_total", { outcome: "ok" }, batch.length);
    } catch (error) {
      ports.meters.count("wflo_events_published_total", { outcome: "error" }, batch.length);
      throw error;
    }
  }
}

/** What follows from a record belongs to the trace of the run that told of it. */
async function send({ eventLog, tracer = NO_TRACER }: PublishPorts, topic: string, batch: readonly LogRecord[]) {
  const traceparent = tracer.traceparent();
  await eventLog.publish(
    topic,
    traceparent === undefined ? batch : batch.map((record) => ({ ...record, traceparent })),
  );
}

/** Others act on events; the audit records that go out beside them need no span of their own, and writing to a file none. */
async function sendTraced(ports: PublishPorts, topic: string, batch: readonly LogRecord[]) {
  const { tracer = NO_TRACER, eventLog } = ports;
  if (eventLog.system === undefined) return await send(ports, topic, batch);
  const attributes = {
    "messaging.system": eventLog.system,
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
    "messaging.destination.name": topic,
    "messaging.batch.message_count": batch.length,
  };
  await tracer.span(`send ${topic}`, { kind: "producer", attributes }, async () => await send(ports, topic, batch));
}

/** The records that a run has stored while the broker was away, oldest first. */
async function publishStored(ports: PublishPorts, source: RecordSource, newest: BlobAddress): Promise<void> {
  const chain: BlobAddress[] = [];
  for (let at: BlobAddress | null = newest; at !== null; ) {
    chain.push(at);
    at = (await ports.blobs.getJson<StoredRecords>(at)).prev;
  }
  for (const at of chain.toReversed()) {
    await publishRecords(ports, source, (await ports.blobs.getJson<StoredRecords>(at)).records);
  }
}

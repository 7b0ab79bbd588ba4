import type { KafkaMessage } from "kafkajs";
import { invariant } from "../../core/invariant.js";
import { isJsonText } from "../../core/json-check.js";
import { lazy } from "../../core/lazy.js";
import type { EventLog, EventReader, LogRecord, ReadRecord } from "../../ports/event-log.js";
import { ALL_IN_SYNC, connectKafka, connectProducer, type KafkaSettings } from "./connection.js";
import { formatPositions, type Positions } from "./positions.js";
import { openReading, type Reading } from "./reading.js";
import { createTopics } from "./topics.js";
import { unreadableReason } from "./unreadable.js";

/**
 * Topics of a Kafka cluster. The key decides the partition, so that records of a key stay in order; a record is stored by all
 * replicas in sync before `publish` resolves. One request is under way at a time, so that a repeated one passes none by.
 * @param onProblem told what the client says of the cluster
 */
export function createKafkaEventLog(
  settings: KafkaSettings,
  onProblem: (message: string) => void = () => {},
): EventLog & EventReader {
  const kafka = connectKafka(settings, onProblem);
  const topics = createTopics(kafka);
  const readings = new Set<Reading<ReadRecord>>();
  /** Ends that are being looked up: what is published after the question belongs behind them. */
  const lookups = new Set<Promise<unknown>>();
  const producer = lazy(async () => await connectProducer(kafka));
  let isClosed = false;
  return {
    system: "kafka",
    async publish(topic, records) {
      invariant(!isClosed, "nothing is published to a closed event log");
      if (records.length === 0) return;
      for (const { value } of records)
        invariant(isJsonText(value), `a record is one JSON document: ${value.slice(0, 80)}`);
      await Promise.all(lookups);
      await topics.ensure(topic);
      await (await producer.get()).send({ topic, acks: ALL_IN_SYNC, messages: records.map(messageOf) });
    },
    read(topic, options = {}) {
      const reading = openReading({ kafka, topics, recordOf }, topic, options);
      const { ends } = reading;
      lookups.add(ends);
      void ends.finally(() => lookups.delete(ends)).catch(() => undefined);
      readings.add(reading);
      return endingWith(reading, () => readings.delete(reading));
    },
    async close() {
      isClosed = true;
      await Promise.all([...readings].map(async (reading) => await reading.stop()));
      await (await producer.made())?.disconnect();
      await topics.close();
    },
  };
}

function recordOf({ value, headers }: KafkaMessage, partition: number, next: Positions): ReadRecord {
  const unreadable = unreadableReason(headers);
  if (unreadable !== undefined) throw new Error(`partition ${partition}: ${unreadable}`);
  return { value: value?.toString("utf8") ?? "", position: formatPositions(next) };
}

async function* endingWith(reading: Reading<ReadRecord>, end: () => void) {
  try {
    yield* reading.records();
  } finally {
    end();
    await reading.stop();
  }
}

/** One line a record, as in a file: a newline in a JSON text can only be white space. */
function messageOf({ key, value, traceparent }: LogRecord) {
  const isEvent = value.includes('"specversion"');
  const headers = {
    ...(isEvent ? { "content-type": "application/cloudevents+json; charset=UTF-8" } : {}),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
  return {
    key,
    value: /[\r\n]/.test(value) ? JSON.stringify(JSON.parse(value)) : value,
    headers,
  };
}

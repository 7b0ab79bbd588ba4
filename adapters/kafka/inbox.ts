import type { KafkaMessage } from "kafkajs";
import { invariant } from "../../core/invariant.js";
import { lazy } from "../../core/lazy.js";
import { deadLetterTopic } from "../../core/trigger.js";
import type { Consumption, Inbox } from "../../ports/inbox.js";
import { ALL_IN_SYNC, connectKafka, connectProducer, type KafkaSettings } from "./connection.js";
import { consume } from "./consuming.js";
import { inboxMessage } from "./message.js";
import { openReading } from "./reading.js";
import { createTopics } from "./topics.js";

/** Topics of a Kafka cluster, consumed as a member of a group. @param onProblem told what the client says of the cluster */
export function createKafkaInbox(settings: KafkaSettings, onProblem: (message: string) => void = () => {}): Inbox {
  const kafka = connectKafka(settings, onProblem);
  const topics = createTopics(kafka);
  const producer = lazy(async () => await connectProducer(kafka));
  const consumptions = new Set<Consumption>();
  let isClosed = false;
  return {
    async consume(options) {
      invariant(!isClosed, "nothing is consumed from a closed inbox");
      const consumption = await consume({ kafka, topics }, options);
      consumptions.add(consumption);
      return consumption;
    },
    async send(topic, { key, value, headers }) {
      const before = DEAD_LETTERS.exec(topic)?.[1];
      if (before === undefined) await topics.ensure(topic);
      else await topics.ensureLike(topic, before);
      const message = {
        key: key && Buffer.from(key),
        value: value && Buffer.from(value),
        headers: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, Buffer.from(bytes)])),
      };
      await (await producer.get()).send({ topic, acks: ALL_IN_SYNC, messages: [message] });
    },
    async *messages(topic) {
      const recordOf = (message: KafkaMessage, partition: number) => inboxMessage(topic, partition, message);
      const reading = openReading({ kafka, topics, recordOf }, topic, {});
      try {
        yield* reading.records();
      } finally {
        await reading.stop();
      }
    },
    async close() {
      isClosed = true;
      await Promise.all([...consumptions].map(async (consumption) => await consumption.stop()));
      await (await producer.made())?.disconnect();
      await topics.close();
    },
  };
}

const DEAD_LETTERS = new RegExp(`^(.+)${deadLetterTopic("").replaceAll(".", "\\.")}$`);

import { randomUUID } from "node:crypto";
import type { Consumer, Kafka, KafkaMessage } from "kafkajs";
import type { ReadOptions } from "../../ports/event-log.js";
import { type Positions, parsePositions } from "./positions.js";
import { createQueue, type Queue } from "./queue.js";
import type { PartitionOffsets, Topics } from "./topics.js";

/** One reading of a topic. */
export interface Reading<T> {
  /** Settles once the end that this reading counts from or up to is known. */
  readonly ends: Promise<unknown>;
  records(): AsyncGenerator<T>;
  stop(): Promise<void>;
}

interface Parts<T> {
  readonly kafka: Kafka;
  readonly topics: Topics;
  /** @param next where to go on after it */
  readonly recordOf: (message: KafkaMessage, partition: number, next: Positions) => T;
}

/** Nothing came for so long, though offsets say that there is more: what is left are marks of transactions. In milliseconds. */
const SILENCE_MS = 5_000;

/**
 * Reads every partition, through a consumer group of its own that is gone afterwards: kafkajs has no other way to read.
 * @throws RangeError for a position that is none
 */
export function openReading<T>({ kafka, topics, recordOf }: Parts<T>, topic: string, options: ReadOptions): Reading<T> {
  const { from = "start", follow = false, signal } = options;
  const given = from === "start" || from === "end" ? undefined : parsePositions(from);
  const queue = createQueue<T>();
  const groupId = `wflo-reader-${randomUUID()}`;
  let consumer: Consumer | undefined;
  let stopping: Promise<void> | undefined;
  // Asked at the call: what is published after it counts as later.
  const ends = (follow ? topics.ensure(topic) : Promise.resolve()).then(async () => await topics.offsets(topic));
  ends.catch(() => undefined);
  const stop = async () => {
    stopping ??= (async () => {
      queue.end();
      await consumer?.disconnect().catch(() => undefined);
      if (consumer) await topics.forgetGroup(groupId);
    })();
    await stopping;
  };
  /** What is closed in the middle of something fails at that: nobody wants to know. */
  const unlessEnded = async <T>(work: Promise<T>): Promise<T | undefined> => {
    return await work.catch((error: unknown) => {
      if (!queue.isEnded()) throw error;
      return undefined;
    });
  };
  signal?.addEventListener("abort", () => queue.end(), { once: true });

  return {
    ends,
    stop,
    async *records() {
      if (signal?.aborted) return;
      const partitions = await unlessEnded(ends);
      if (!partitions) return;
      const next = startOf(partitions, from === "end" ? "end" : given);
      const isDone = () => partitions.every(({ partition, high }) => (next.get(partition) ?? 0n) >= high);
      if (partitions.length === 0 || (!follow && isDone())) return;
      if (queue.isEnded()) return;
      consumer = kafka.consumer({ groupId, allowAutoTopicCreation: false });
      await unlessEnded(run(consumer, { topic, next, queue, recordOf }));
      while (true) {
        const record = await queue.take(follow ? undefined : SILENCE_MS);
        if (!record) return;
        yield record;
        if (!follow && queue.isEmpty() && isDone()) return;
      }
    },
  };
}

/** Where each partition's reading begins; a place that the log does not have any more, or not yet, is its start. */
function startOf(partitions: readonly PartitionOffsets[], from: "end" | Positions | undefined): Map<number, bigint> {
  const place = ({ partition, low, high }: PartitionOffsets): bigint => {
    if (from === "end") return high;
    const wanted = from?.get(partition) ?? low;
    return wanted < low || wanted > high ? low : wanted;
  };
  return new Map(partitions.map((offsets) => [offsets.partition, place(offsets)]));
}

async function run<T>(
  consumer: Consumer,
  {
    topic,
    next,
    queue,
    recordOf,
  }: {
    readonly topic: string;
    readonly next: Map<number, bigint>;
    readonly queue: Queue<T>;
    readonly recordOf: Parts<T>["recordOf"];
  },
): Promise<void> {
  // kafkajs ends a consumer for good when something throws that it does not know, and goes on as if nothing were.
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    if (!restart) queue.fail(error);
  });
  // Each time that the group begins, after a coordinator that was not ready too: it has no place of its own.
  consumer.on(consumer.events.GROUP_JOIN, () => {
    for (const [partition, offset] of next) consumer.seek({ topic, partition, offset: String(offset) });
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message, heartbeat }) => {
      const offset = BigInt(message.offset);
      if (offset < (next.get(partition) ?? 0n)) return;
      next.set(partition, offset + 1n);
      // Whoever reads slowly keeps the next message waiting, and not the group.
      try {
        queue.put(recordOf(message, partition, next));
      } catch (error) {
        queue.fail(error as Error);
      }
      while (!(await queue.room())) await heartbeat();
    },
  });
}

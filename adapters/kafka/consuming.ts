import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from "kafkajs";
import type { ConsumeOptions, Consumption } from "../../ports/inbox.js";
import { inboxMessage } from "./message.js";
import type { Topics } from "./topics.js";

/** So many messages of a partition are handled before their offsets are committed. */
const CHUNK = 50;
/** Partitions that are worked on at the same time. */
const PARTITIONS = 4;
/** kafkajs's default session ends after 30 s without one. In milliseconds. */
const HEARTBEAT_MS = 3_000;
/** A request for more waits so long where there is none; a partition that goes on is in the next one. In milliseconds. */
const FETCH_MS = 500;
/** A partition whose messages can't be handled now waits so long, twice as long each time. In milliseconds. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
/** A consumer that kafkajs gave up is made anew, so many times without a message in between. */
const LIVES = 6;

interface Parts {
  readonly kafka: Kafka;
  readonly topics: Topics;
}

/**
 * Becomes a member of a group. An exception in a handler would end kafkajs's consumer for good, with the process alive: so
 * none reaches it, and a consumer that ended all the same is followed by a new one.
 */
export async function consume({ kafka, topics }: Parts, options: ConsumeOptions): Promise<Consumption> {
  const { onProblem = () => {} } = options;
  for (const topic of options.topics) await topics.ensure(topic);
  let stopping = false;
  let lives = LIVES;
  let consumer: Consumer | undefined;
  let settle = { resolve: () => {}, reject: (_error: Error) => {} };
  const ended = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  ended.catch(() => undefined);
  const work = createWork(
    options,
    () => stopping,
    () => {
      lives = LIVES;
    },
  );
  const start = async () => {
    const own = kafka.consumer({
      groupId: options.group,
      allowAutoTopicCreation: false,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: FETCH_MS,
    });
    consumer = own;
    own.on(own.events.CRASH, ({ payload: { error, restart } }) => {
      // With `restart` kafkajs begins again by itself.
      if (!restart && own === consumer && !stopping) void again(error);
    });
    await own.connect();
    await own.subscribe({ topics: [...options.topics], fromBeginning: true });
    await own.run({
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: PARTITIONS,
      eachBatch: async (payload) => await work(payload),
    });
  };
  const again = async (cause: Error) => {
    await consumer?.disconnect().catch(() => undefined);
    lives -= 1;
    if (lives === 0) return settle.reject(new Error(`Kafka: the consumer ended: ${cause.message}`, { cause }));
    onProblem(`Kafka: the consumer ended (${cause.message}), and another one begins`);
    await pause(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (LIVES - lives)));
    if (!stopping) await start().catch(again);
  };
  await start();
  return {
    ended,
    async stop() {
      stopping = true;
      // What is under way ends, and its offsets are committed: kafkajs waits for both.
      await consumer?.disconnect().catch(() => undefined);
      settle.resolve();
    },
  };
}

/** Handles batches: chunk by chunk, the messages of a key in order, different keys at the same time. */
function createWork(
  { handle, onProblem = () => {}, onLag = () => {} }: ConsumeOptions,
  isStopping: () => boolean,
  onProgress: () => void,
) {
  const waits = new Map<string, number>();
  return async (payload: EachBatchPayload): Promise<void> => {
    const {
      batch,
      resolveOffset,
      heartbeat,
      isRunning,
      isStale,
      commitOffsetsIfNecessary,
      pause: pausePartition,
    } = payload;
    const { topic, partition } = batch;
    const place = `${topic}/${partition}`;
    const beating = setInterval(() => void heartbeat().catch(() => undefined), HEARTBEAT_MS);
    try {
      for (let at = 0; at < batch.messages.length; at += CHUNK) {
        if (isStopping() || !isRunning() || isStale()) return;
        const chunk = batch.messages.slice(at, at + CHUNK);
        const failures = await handleAll(
          chunk,
          async (message) => await handle(inboxMessage(topic, partition, message)),
        );
        const first = failures.findIndex((failure) => failure !== undefined);
        // Offsets are a prefix: what comes after a message that waits comes again too.
        const last = chunk[first === -1 ? chunk.length - 1 : first - 1];
        if (last) resolveOffset(last.offset);
        const next = first === -1 ? BigInt(last?.offset ?? 0) + 1n : BigInt(chunk[first]?.offset ?? 0);
        onLag(topic, partition, Number(BigInt(batch.highWatermark) - next));
        if (first !== -1) {
          const wait = Math.min(LONGEST_WAIT_MS, (waits.get(place) ?? FIRST_WAIT_MS / 2) * 2);
          if (!waits.has(place)) onProblem(`${place} waits at ${chunk[first]?.offset}: ${failures[first]?.message}`);
          waits.set(place, wait);
          const resume = pausePartition();
          setTimeout(resume, wait).unref();
          return;
        }
        if (waits.delete(place)) onProblem(`${place} goes on`);
        onProgress();
        // A last batch may be followed by none for a long time.
        await commitOffsetsIfNecessary(payload.uncommittedOffsets());
        await heartbeat();
      }
    } catch (error) {
      // The group has changed, or the cluster is away: what is not committed comes again, here or elsewhere.
      onProblem(`${place}: ${(error as Error).message}`);
    } finally {
      clearInterval(beating);
    }
  };
}

/** What each message's handling failed with, in their order. */
async function handleAll(
  messages: readonly KafkaMessage[],
  handle: (message: KafkaMessage) => Promise<void>,
): Promise<readonly (Error | undefined)[]> {
  const failures: (Error | undefined)[] = messages.map(() => undefined);
  const lanes = new Map<string, number[]>();
  messages.forEach(({ key, offset }, index) => {
    const lane = key === null ? `offset ${offset}` : `key ${key.toString("latin1")}`;
    lanes.set(lane, [...(lanes.get(lane) ?? []), index]);
  });
  await Promise.all(
    [...lanes.values()].map(async (lane) => {
      for (const index of lane) {
        try {
          await handle(messages[index] as KafkaMessage);
        } catch (error) {
          // Those behind it in its lane wait with it.
          failures[index] = error instanceof Error ? error : new Error(String(error));
          return;
        }
      }
    }),
  );
  return failures;
}

async function pause(ms: number): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, ms));
}

import { Kafka, logLevel, type Producer, type SASLOptions } from "kafkajs";
import { registerCodecs } from "./codecs.js";
import { quietQueues } from "./quiet-queues.js";

/** How a cluster is reached. */
export interface KafkaSettings {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  readonly ssl: boolean;
  readonly sasl?: {
    readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
    readonly username: string;
    readonly password: string;
  };
}

/** Tries of one request; after them the one who asked decides. kafkajs would go on for ever with some of its settings. */
const TRIES = 4;
const CONNECT_MS = 3_000;
const REQUEST_MS = 15_000;

export function connectKafka({ brokers, ssl, sasl }: KafkaSettings, onProblem: (message: string) => void): Kafka {
  quietQueues();
  registerCodecs();
  return new Kafka({
    clientId: "wflo",
    brokers: [...brokers],
    ssl,
    ...(sasl ? { sasl: sasl as SASLOptions } : {}),
    connectionTimeout: CONNECT_MS,
    authenticationTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    enforceRequestTimeout: true,
    retry: { retries: TRIES, initialRetryTime: 100, maxRetryTime: 2_000 },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => {
      // It is the one that other languages' clients have too.
      if (/default partitioner/.test(entry.log.message)) return;
      const { message, error, broker } = entry.log as { message: string; error?: string; broker?: string };
      onProblem(`Kafka: ${message}${error ? `: ${error}` : ""}${broker ? ` (${broker})` : ""}`);
    },
  });
}

/** `acks`: all replicas that are in sync have it. */
export const ALL_IN_SYNC = -1;

/** One request is under way at a time, so that a repeated one passes none by. */
export async function connectProducer(kafka: Kafka): Promise<Producer> {
  const producer = kafka.producer({ allowAutoTopicCreation: false, maxInFlightRequests: 1 });
  await producer.connect();
  return producer;
}

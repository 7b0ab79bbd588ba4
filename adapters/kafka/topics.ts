import type { Admin, ConfigResourceTypes, Kafka } from "kafkajs";
import { lazy } from "../../core/lazy.js";

/** What a topic holds in each partition: from `low` on, and before `high`. */
export interface PartitionOffsets {
  readonly partition: number;
  readonly low: bigint;
  readonly high: bigint;
}

/** Looks after topics, over one connection. */
export interface Topics {
  /** Makes a topic with the cluster's own defaults, where there is none and one may. */
  ensure(topic: string): Promise<void>;
  /** Makes a topic that takes whatever another one takes. */
  ensureLike(topic: string, like: string): Promise<void>;
  /** Empty: there is no such topic. */
  offsets(topic: string): Promise<readonly PartitionOffsets[]>;
  forgetGroup(groupId: string): Promise<void>;
  close(): Promise<void>;
}

/** Of `describeConfigs`; Node sees the name of kafkajs's enum no more than those of its errors. */
const TOPIC = 2 as ConfigResourceTypes.TOPIC;
const NOT_ALLOWED = ["TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"];
const MOST_BYTES = "max.message.bytes";
/** For headers that a message gets on its way, in bytes. */
const HEADER_ROOM = 64 * 1024;

/** The cluster's own default. */
const DEFAULT = -1;

export function createTopics(kafka: Kafka): Topics {
  const ensured = new Set<string>();
  const admin = lazy(async () => await connected(kafka));
  const make = async (topic: string, configEntries: readonly { name: string; value: string }[]) => {
    const made = { topic, numPartitions: DEFAULT, replicationFactor: DEFAULT, configEntries: [...configEntries] };
    try {
      await (await admin.get()).createTopics({ topics: [made], waitForLeaders: true });
    } catch (error) {
      // Somebody else makes the topics here: whether it is there, the one who uses it will see.
      if (!hasType(error, ...NOT_ALLOWED)) throw error;
    }
    ensured.add(topic);
  };
  return {
    async ensure(topic) {
      if (!ensured.has(topic)) await make(topic, []);
    },
    async ensureLike(topic, like) {
      if (ensured.has(topic)) return;
      const most = await mostBytes(await admin.get(), like);
      await make(topic, most === undefined ? [] : [{ name: MOST_BYTES, value: String(most + HEADER_ROOM) }]);
    },
    async offsets(topic) {
      try {
        const found = await (await admin.get()).fetchTopicOffsets(topic);
        return found.map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) }));
      } catch (error) {
        if (hasType(error, "UNKNOWN_TOPIC_OR_PARTITION")) return [];
        throw error;
      }
    },
    async forgetGroup(groupId) {
      // A group without members goes by itself after a week.
      await (await admin.get()).deleteGroups([groupId]).catch(() => undefined);
    },
    async close() {
      await (await admin.made())?.disconnect();
    },
  };
}

/** Of one message, with what compression leaves of it. */
async function mostBytes(admin: Admin, topic: string): Promise<number | undefined> {
  try {
    const value = Number(await topicSetting(admin, topic, MOST_BYTES));
    return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  } catch (error) {
    if (hasType(error, ...NOT_ALLOWED)) return undefined;
    throw error;
  }
}

/** What a topic has of one setting, by itself or from its broker; undefined: no such topic. */
export async function topicSetting(admin: Admin, topic: string, name: string): Promise<string | undefined> {
  const resources = [{ type: TOPIC, name: topic, configNames: [name] }];
  try {
    const described = await admin.describeConfigs({ resources, includeSynonyms: false });
    return described.resources[0]?.configEntries[0]?.configValue;
  } catch (error) {
    if (hasType(error, "UNKNOWN_TOPIC_OR_PARTITION")) return undefined;
    throw error;
  }
}

async function connected(kafka: Kafka): Promise<Admin> {
  const admin = kafka.admin();
  await admin.connect();
  return admin;
}

/** By what the broker said. Node sees no names of kafkajs's error classes, so that they cannot be imported. */
function hasType(error: unknown, ...types: readonly string[]): boolean {
  const {
    type,
    errors = [],
    cause,
  } = (error ?? {}) as { readonly type?: string; readonly errors?: readonly unknown[]; readonly cause?: unknown };
  if (type !== undefined && types.includes(type)) return true;
  return [...errors, ...(cause === undefined ? [] : [cause])].some((one) => hasType(one, ...types));
}

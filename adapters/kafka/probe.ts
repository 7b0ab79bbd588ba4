import type { Admin } from "kafkajs";
import { connectKafka, type KafkaSettings } from "./connection.js";
import { topicSetting } from "./topics.js";

/** How many brokers a cluster has. @throws Error where none answers */
export async function countBrokers(settings: KafkaSettings): Promise<number> {
  return await asking(settings, async (admin) => (await admin.describeCluster()).brokers.length);
}

/** How long topics keep messages, in milliseconds; Infinity: for ever. Topics that are not there are left out. */
export async function retentionOf(
  settings: KafkaSettings,
  topics: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  return await asking(settings, async (admin) => {
    const found = new Map<string, number>();
    for (const topic of topics) {
      const value = await topicSetting(admin, topic, "retention.ms");
      if (value !== undefined) found.set(topic, Number(value) < 0 ? Number.POSITIVE_INFINITY : Number(value));
    }
    return found;
  });
}

async function asking<T>(settings: KafkaSettings, ask: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = connectKafka(settings, () => {}).admin();
  try {
    await admin.connect();
    return await ask(admin);
  } finally {
    await admin.disconnect();
  }
}

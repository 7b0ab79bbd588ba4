import { connectKafka, type KafkaSettings } from "./connection.js";

/** How many brokers a cluster has. @throws Error where none answers */
export async function countBrokers(settings: KafkaSettings): Promise<number> {
  const admin = connectKafka(settings, () => {}).admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length;
  } finally {
    await admin.disconnect();
  }
}

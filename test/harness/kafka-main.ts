import { startKafkaBroker } from "./kafka-broker.js";
import { findKafka } from "./parts.js";

/** What `npm run kafka` runs. */
const report = (line: string) => void process.stderr.write(`wflo: ${line}\n`);
const broker = await startKafkaBroker(await findKafka({ make: true, report }), {
  partitions: 6,
  port: Number(process.env.KAFKA_PORT ?? 9092),
});
process.stdout.write(`KAFKA_BROKERS=${broker.address}\n`);
await new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
});
await broker.stop();

import { randomUUID } from "node:crypto";
import { Client, Connection } from "@temporalio/client";
import { WorkflowIdConflictPolicy } from "@temporalio/common";
import { Kafka, logLevel } from "kafkajs";
import { createKafkaEventLog } from "../adapters/kafka/event-log.js";
import { createKafkaInbox } from "../adapters/kafka/inbox.js";
import { createLogger } from "../adapters/pino/logger.js";
import { builtInTrigger } from "../agents/built-in-trigger.js";
import { connect } from "../client/index.js";
import { BUILT_IN_TRIGGER } from "../core/trigger.js";
import { startKafkaBroker } from "../test/harness/kafka-broker.js";
import { findTestParts } from "../test/harness/parts.js";
import { createTriggerAdmission } from "../triggers/admission.js";
import { createTriggerHandler } from "../triggers/handler.js";
import { median } from "./measure.js";
import { startBench } from "./servers.js";

/* What events cost, out and in, beside bare kafkajs and a bare `client.start` on the same broker and server: one after the other in each round. */

const EVENTS = 5_000;
const BATCH = 20;
const STARTS = 400;
const AT_ONCE = 50;
const ALONE = 100;
const PARTITIONS = 6;

/** Prints the figures, where there is a broker's jars. */
export async function reportEvents(rounds: number): Promise<void> {
  const { kafka: part } = await findTestParts({ make: false, report: (line) => console.error(line) });
  if ("missing" in part) {
    console.log(`\nKafka: not measured (${part.missing})`);
    return;
  }
  const broker = await startKafkaBroker(part.path, { partitions: PARTITIONS });
  const bench = await startBench();
  try {
    await measureOut(broker.address, rounds);
    await measureIn(broker.address, bench.address, rounds);
  } finally {
    await bench.stop();
    await broker.stop();
  }
}

const value = JSON.stringify({ specversion: "1.0", id: "w/r/1", data: { text: "x".repeat(400) } });

async function measureOut(broker: string, rounds: number): Promise<void> {
  const log = createKafkaEventLog({ brokers: [broker], ssl: false });
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const admin = kafka.admin();
  await admin.connect();
  const rates = new Map<string, number[]>();
  const rate = async (name: string, work: () => Promise<void>) => {
    const startedAt = performance.now();
    await work();
    const perSecond = EVENTS / ((performance.now() - startedAt) / 1_000);
    rates.set(name, [...(rates.get(name) ?? []), perSecond]);
  };
  const batches = Array.from({ length: EVENTS / BATCH }, (_, n) =>
    Array.from({ length: BATCH }, () => ({ key: `run-${n % 50}`, value })),
  );
  for (let round = 0; round < rounds; round += 1) {
    const [bare, ours] = [`bare.${randomUUID()}`, `ours.${randomUUID()}`];
    await admin.createTopics({ topics: [bare, ours].map((topic) => ({ topic })), waitForLeaders: true });
    await rate("out, bare kafkajs", async () => {
      for (const messages of batches) await producer.send({ topic: bare, acks: -1, messages });
    });
    await rate("out, event log", async () => {
      for (const records of batches) await log.publish(ours, records);
    });
    await rate("read, bare kafkajs", async () => await readBare(kafka, bare));
    await rate("read, event log", async () => {
      for await (const _record of log.read(ours)) void _record;
    });
  }
  console.log(`\nevents of ${value.length} bytes, ${BATCH} a batch: a second`);
  for (const [name, all] of rates) console.log(`${name.padEnd(24)} ${median(all).toFixed(0)}`);
  await log.close();
  await producer.disconnect();
  await admin.disconnect();
}

async function readBare(kafka: Kafka, topic: string): Promise<void> {
  const consumer = kafka.consumer({ groupId: randomUUID() });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    let count = 0;
    consumer
      .run({
        autoCommit: false,
        eachMessage: async () => {
          count += 1;
          if (count === EVENTS) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
}

async function measureIn(broker: string, address: string, rounds: number): Promise<void> {
  const connection = await Connection.connect({ address });
  const bare = new Client({ connection });
  const taskQueue = `nobody-${randomUUID()}`;
  const client = await connect({ address, taskQueue, environment: {} });
  const inbox = createKafkaInbox({ brokers: [broker], ssl: false });
  const handler = createTriggerHandler({
    triggers: [builtInTrigger],
    agents: new Set(["assistant"]),
    client,
    admission: createTriggerAdmission(client, [builtInTrigger], createLogger({ level: "silent", environment: {} })),
    inbox,
    meters: { count: () => {}, observe: () => {}, set: () => {} },
  });
  let onHandled = (_id: string) => {};
  const consumption = await inbox.consume({
    group: "bench",
    topics: [BUILT_IN_TRIGGER],
    async handle(message) {
      await handler.handle(message);
      onHandled(Buffer.from(message.key ?? "").toString());
    },
  });
  const input = (id: string) => ({ id, agent: "assistant", input: "What is 6 times 7?" });
  const startBare = async (id: string) => {
    const options = {
      taskQueue,
      workflowId: id,
      args: [input(id)],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
    };
    await bare.workflow.start("agentRun", options);
  };
  const send = async (id: string) =>
    await inbox.send(BUILT_IN_TRIGGER, {
      key: Buffer.from(id),
      value: Buffer.from(JSON.stringify(input(id))),
      headers: {},
    });
  const handled = async (ids: readonly string[]) => {
    const left = new Set(ids);
    await new Promise<void>((resolve) => {
      onHandled = (id) => {
        left.delete(id);
        if (left.size === 0) resolve();
      };
    });
  };
  const warm = randomUUID();
  const warmed = handled([warm]);
  await send(warm);
  await warmed;
  const rates = { bare: [] as number[], ours: [] as number[] };
  const waits = { bare: [] as number[], ours: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    const ids = Array.from({ length: STARTS }, () => randomUUID());
    rates.bare.push(await perSecond(async () => await atOnce(ids.map((id) => async () => await startBare(id)))));
    const all = handled(ids);
    const sentAt = performance.now();
    await atOnce(ids.map((id) => async () => await send(id)));
    await all;
    rates.ours.push(STARTS / ((performance.now() - sentAt) / 1_000));
    for (let n = 0; n < ALONE / rounds; n += 1) {
      const [one, two] = [randomUUID(), randomUUID()];
      waits.bare.push(await msOf(async () => await startBare(one)));
      const done = handled([two]);
      waits.ours.push(
        await msOf(async () => {
          await send(two);
          await done;
        }),
      );
    }
  }
  printIn(rates, waits);
  await consumption.stop();
  await inbox.close();
  await client.close();
  await connection.close();
}

interface Pair {
  readonly bare: readonly number[];
  readonly ours: readonly number[];
}

function printIn(rates: Pair, waits: Pair): void {
  console.log(`\n${STARTS} runs, ${AT_ONCE} at once: started a second`);
  console.log(`bare client.start        ${median(rates.bare).toFixed(0)}`);
  console.log(`events on a topic        ${median(rates.ours).toFixed(0)} (sending them included)`);
  console.log("\none at a time, ms: p50 / p99");
  console.log(`bare client.start        ${percentiles(waits.bare)}`);
  console.log(`event sent to run there  ${percentiles(waits.ours)}`);
}

async function atOnce(work: readonly (() => Promise<void>)[]): Promise<void> {
  const waiting = [...work];
  const one = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) await next();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

async function perSecond(work: () => Promise<void>): Promise<number> {
  return STARTS / ((await msOf(work)) / 1_000);
}

async function msOf(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function percentiles(all: readonly number[]): string {
  const sorted = all.toSorted((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1);
  return `${at(0.5)} / ${at(0.99)}`;
}

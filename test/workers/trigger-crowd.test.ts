import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type CloudEvent, Kafka } from "cloudevents";
import { createKafkaInbox } from "../../adapters/kafka/inbox.js";
import { eventually } from "../harness/eventually.js";
import { type KafkaBroker, startKafkaBroker } from "../harness/kafka-broker.js";
import { describeWith, realPart } from "../harness/real-part.js";
import { all } from "../harness/taking.js";
import { startTriggerWorld, type TriggerWorld } from "../harness/trigger-world.js";

/* Many events and several processes on a real broker, of which some die; and clients in another language. */

const AGENTS = `
import { defineAgent } from "wflo";
export const helper = defineAgent({ name: "helper", instructions: "Be brief.", model: "scripted/plain" });`;

const EVENTS = 1_000;

describeWith("kafka", (libs) => {
  let broker: KafkaBroker;
  let world: TriggerWorld;
  beforeAll(async () => {
    broker = await startKafkaBroker(libs, { partitions: 6 });
    world = await startTriggerWorld({ agents: AGENTS, environment: { KAFKA_BROKERS: broker.address } });
  }, 90_000);
  afterAll(async () => {
    await world.stop();
    await broker.stop();
  });

  const event = (id: string) => ({ id, agent: "helper", input: "hi" });

  test("a client in another language starts a run and follows its events, which a CloudEvents SDK reads", async () => {
    const part = realPart("librdkafka");
    if (!("path" in part)) throw new Error(`there is no librdkafka: ${part.missing}`);
    const worker = await world.workers.startWorker();
    const triggers = await world.startTriggers();
    const producing = spawn(part.path, ["produce", broker.address, "wflo.triggers"], {
      stdio: ["pipe", "inherit", "inherit"],
    });
    producing.stdin?.end(`${JSON.stringify({ key: null, value: JSON.stringify(event("from-c")) })}\n`);
    expect((await once(producing, "exit"))[0]).toBe(0);
    const workflowId = "trigger:wflo.triggers:from-c";
    const consume = async () => {
      const options = { maxBuffer: 64 * 1024 * 1024 };
      const { stdout } = await promisify(execFile)(part.path, ["consume", broker.address, "wflo.events"], options);
      const lines = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, string>);
      return lines.filter(({ key }) => key === workflowId) as unknown as readonly Consumed[];
    };
    await eventually(async () => expect((await consume()).at(-1)?.value).toContain("wflo.run.completed"), {
      withinMs: 60_000,
    });
    const parsed = (await consume()).map(({ headers, value }) => {
      const message = { headers, value, key: workflowId, body: value, timestamp: "" };
      return Kafka.toEvent(message) as CloudEvent<unknown>;
    });
    // One may be there twice, as consumers know.
    const events = [...new Map(parsed.map((one) => [one.id, one])).values()];
    expect(events.map(({ type }) => type)).toEqual(["wflo.run.started", "wflo.model.called", "wflo.run.completed"]);
    for (const [index, one] of events.entries()) {
      expect(one.validate()).toBe(true);
      expect(one).toMatchObject({
        specversion: "1.0",
        subject: workflowId,
        sequence: String(index + 1).padStart(10, "0"),
      });
    }
    await triggers.stop("SIGTERM");
    // What comes next starts runs, and has no use for their answers.
    await worker.stop("SIGKILL");
  }, 120_000);

  test("a thousand events, each sent twice, start a thousand runs: consumers come, go and die, and Temporal is restarted", async () => {
    const inbox = createKafkaInbox({ brokers: [broker.address], ssl: false });
    const sendAll = async () => {
      for (let n = 0; n < EVENTS; n += 1) {
        const value = Buffer.from(JSON.stringify(event(`e-${n}`)));
        await inbox.send("wflo.triggers", { key: Buffer.from(`customer ${n % 50}`), value, headers: {} });
      }
    };
    const started = async () => (await world.runs("trigger:wflo.triggers:e-")).length;
    const first = await world.startTriggers();
    const sending = sendAll();
    await eventually(async () => expect(await started()).toBeGreaterThan(50), { withinMs: 60_000 });
    // Another one joins, so that partitions move while events are under way; then the first dies with some uncommitted.
    const second = await world.startTriggers();
    await eventually(async () => expect(await started()).toBeGreaterThan(200), { withinMs: 60_000 });
    await first.stop("SIGKILL");
    await world.server.restart();
    const third = await world.startTriggers();
    await sending;
    await sendAll();
    await eventually(async () => expect(await started()).toBe(EVENTS), { withinMs: 180_000 });
    // All of both sendings is committed, and nothing is left over or dead.
    await eventually(async () => expect(await lag(broker)).toBe(0), { withinMs: 60_000 });
    const runs = await world.runs("trigger:wflo.triggers:e-");
    expect(runs).toHaveLength(EVENTS);
    expect(new Set(runs).size).toBe(EVENTS);
    expect(await all(inbox.messages("wflo.triggers.dlq"))).toEqual([]);
    await inbox.close();
    for (const one of [second, third]) {
      await one.stop("SIGTERM");
      expect(await one.ended).toBe(0);
    }
  }, 400_000);
});

interface Consumed {
  readonly key: string;
  readonly value: string;
  readonly headers: Record<string, string>;
}

/** Messages that the group has not committed. */
async function lag(broker: KafkaBroker): Promise<number> {
  const { Kafka, logLevel } = await import("kafkajs");
  const admin = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const topic = "wflo.triggers";
    const [committed] = await admin.fetchOffsets({ groupId: "wflo-triggers", topics: [topic] });
    const ends = await admin.fetchTopicOffsets(topic);
    const at = new Map(committed?.partitions.map(({ partition, offset }) => [partition, Math.max(0, Number(offset))]));
    return ends.reduce((sum, { partition, high }) => sum + Number(high) - (at.get(partition) ?? 0), 0);
  } finally {
    await admin.disconnect();
  }
}

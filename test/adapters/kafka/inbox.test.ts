import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createKafkaInbox } from "../../../adapters/kafka/inbox.js";
import { eventually } from "../../harness/eventually.js";
import { type KafkaBroker, startKafkaBroker } from "../../harness/kafka-broker.js";
import { describeWith } from "../../harness/real-part.js";
import { all } from "../../harness/taking.js";
import { inboxSuite } from "../../ports/inbox.suite.js";

describeWith("kafka", (libs) => {
  let broker: KafkaBroker;
  beforeAll(async () => {
    broker = await startKafkaBroker(libs, { partitions: 3 });
  }, 60_000);
  afterAll(async () => await broker.stop());

  const open = async () => createKafkaInbox({ brokers: [broker.address], ssl: false });
  inboxSuite({ open, newTopic: () => `test.${randomUUID()}` });

  test("dead letters of a topic may be as large as what it takes, with headers on top", async () => {
    const inbox = await open();
    const topic = `large.${randomUUID()}`;
    const value = Buffer.alloc(4 * 1024 * 1024 - 200, "x");
    await inbox.send(topic, { key: null, value, headers: {} });
    const headers = { "wflo-error": Buffer.alloc(16_000, "e") };
    await inbox.send(`${topic}.dlq`, { key: null, value, headers });
    const [letter] = await all(inbox.messages(`${topic}.dlq`));
    expect(letter?.value?.length).toBe(value.length);
    await inbox.close();
  }, 60_000);

  test("a broker that goes and comes back: nothing is lost, and consuming goes on", async () => {
    const inbox = await open();
    const topic = `away.${randomUUID()}`;
    const seen = new Set<string>();
    const message = (value: string) => ({ key: null, value: Buffer.from(value), headers: {} });
    await inbox.send(topic, message('"before"'));
    await inbox.consume({
      group: randomUUID(),
      topics: [topic],
      handle: async ({ value }) => void seen.add(Buffer.from(value ?? "").toString()),
    });
    await eventually(() => expect(seen).toEqual(new Set(['"before"'])));
    await broker.kill();
    await broker.restart();
    await eventually(async () => await inbox.send(topic, message('"after"')), { withinMs: 60_000 });
    await eventually(() => expect(seen).toEqual(new Set(['"before"', '"after"'])), { withinMs: 60_000 });
    await inbox.close();
  }, 150_000);
});

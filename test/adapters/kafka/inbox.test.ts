import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createKafkaInbox } from "../../../adapters/kafka/inbox.js";
import type { InboxMessage } from "../../../ports/inbox.js";
import { packageRoot } from "../../../workers/tool-finder.js";
import { eventually } from "../../harness/eventually.js";
import { type KafkaBroker, startKafkaBroker } from "../../harness/kafka-broker.js";
import { describeWith, realPart } from "../../harness/real-part.js";
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

  const values = Array.from({ length: 200 }, (_, n) => `${n} ${"text that repeats ".repeat(50)}`);
  /** Other languages' producers, with their own way of packing: a program that sends what it reads. */
  const producers: Readonly<Record<string, (topic: string, codec: string) => { program: string[]; lines: string[] }>> =
    {
      librdkafka: (topic, codec) => {
        const part = realPart("librdkafka");
        if (!("path" in part)) throw new Error(`there is no librdkafka: ${part.missing}`);
        const lines = values.map((value) => JSON.stringify({ key: "k", value }));
        return { program: [part.path, "produce", broker.address, topic, codec], lines };
      },
      Java: (topic, codec) => {
        const source = join(packageRoot(), "test/harness/JavaProducer.java");
        return { program: ["java", "-cp", `${libs}/*`, source, broker.address, topic, codec], lines: values };
      },
    };
  const cases = Object.keys(producers).flatMap((name) =>
    ["gzip", "snappy", "lz4", "zstd"].map((codec) => [name, codec] as const),
  );

  test.each(cases)(
    "what %s sends as %s is read",
    async (name, codec) => {
      const inbox = await open();
      const topic = `coded.${randomUUID()}`;
      await inbox.send(topic, { key: null, value: Buffer.from("first"), headers: {} });
      const { program, lines } = producers[name]?.(topic, codec) ?? { program: [], lines: [] };
      const [command = "", ...args] = program;
      const producing = spawn(command, args, { stdio: ["pipe", "ignore", "ignore"] });
      producing.stdin?.end(lines.map((line) => `${line}\n`).join(""));
      expect((await once(producing, "exit"))[0]).toBe(0);
      const seen: string[] = [];
      await inbox.consume({
        group: randomUUID(),
        topics: [topic],
        handle: async ({ value }) => void seen.push(String(value)),
      });
      await eventually(() => expect(new Set(seen)).toEqual(new Set(["first", ...values])));
      await inbox.close();
    },
    60_000,
  );

  test.each(["gzip", "zstd", "lz4", "snappy"])(
    "a batch packed by %s that becomes too much is a message that says so, and what stands around it is read",
    async (codec) => {
      const inbox = await open();
      const topic = `bomb.${randomUUID()}`;
      await inbox.send(topic, { key: Buffer.from("bomb"), value: Buffer.from("before"), headers: {} });
      const [command = "", ...args] = producers.librdkafka?.(topic, codec).program ?? [];
      const producing = spawn(command, args, { stdio: ["pipe", "ignore", "ignore"] });
      producing.stdin?.end(`${JSON.stringify({ key: "bomb", value: "0".repeat(70 * 1024 * 1024) })}\n`);
      expect((await once(producing, "exit"))[0]).toBe(0);
      await inbox.send(topic, { key: Buffer.from("bomb"), value: Buffer.from("after"), headers: {} });
      const seen: InboxMessage[] = [];
      await inbox.consume({ group: randomUUID(), topics: [topic], handle: async (message) => void seen.push(message) });
      await eventually(() => expect(seen).toHaveLength(3));
      const bomb = seen.find(({ unreadable }) => unreadable !== undefined);
      const others = seen.filter((message) => message !== bomb).map(({ value }) => String(value));
      expect(others.sort()).toEqual(["after", "before"]);
      expect(bomb?.unreadable).toMatch(/packed by \w+ can't be unpacked: /);
      expect(bomb?.value?.length).toBeGreaterThan(100);
      expect(bomb?.headers).toEqual({});
      await inbox.close();
    },
    60_000,
  );

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

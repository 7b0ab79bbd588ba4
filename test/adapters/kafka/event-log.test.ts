import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createKafkaEventLog } from "../../../adapters/kafka/event-log.js";
import { formatPositions, parsePositions } from "../../../adapters/kafka/positions.js";
import type { EventLog, EventReader } from "../../../ports/event-log.js";
import { eventually } from "../../harness/eventually.js";
import { type KafkaBroker, startKafkaBroker } from "../../harness/kafka-broker.js";
import { describeWith } from "../../harness/real-part.js";
import { all } from "../../harness/taking.js";
import { eventLogSuite, records } from "../../ports/event-log.suite.js";

describe("positions", () => {
  test("are the next offset of each partition", () => {
    const positions = new Map([
      [1, 7n],
      [0, 12n],
    ]);
    expect(formatPositions(positions)).toBe("0:12,1:7");
    expect(parsePositions("0:12,1:7")).toEqual(positions);
    for (const wrong of ["", "yesterday", "12", "0:", "0:1,", "0:-1", "a:1"]) {
      expect(() => parsePositions(wrong)).toThrow(RangeError);
    }
  });
});

describeWith("kafka", (libs) => {
  let broker: KafkaBroker;
  beforeAll(async () => {
    broker = await startKafkaBroker(libs, { partitions: 3 });
  }, 60_000);
  afterAll(async () => await broker.stop());

  /** A log whose topics are its own, on the broker that tests share. */
  const open = async (): Promise<EventLog & EventReader> => {
    const prefix = `${randomUUID()}.`;
    const log = createKafkaEventLog({ brokers: [broker.address], ssl: false });
    return {
      publish: async (topic, records) => await log.publish(`${prefix}${topic}`, records),
      read: (topic, options) => log.read(`${prefix}${topic}`, options),
      close: async () => await log.close(),
    };
  };

  eventLogSuite({ open, lostPosition: "0:999999,1:999999,2:999999" });

  test("records of a key stay together, and those of many are spread", async () => {
    const log = await open();
    const keys = Array.from({ length: 30 }, (_, number) => `run-${number}`);
    await Promise.all(keys.map(async (key) => await log.publish("wflo.events", records(key, 1, 2))));
    const partitions = (await all(log.read("wflo.events"))).at(-1)?.position;
    expect(partitions).toMatch(/^0:[1-9]\d*,1:[1-9]\d*,2:[1-9]\d*$/);
    await log.close();
  });

  test("a broker that dies and comes back: what was published is there, and what was refused can be published again", async () => {
    const own = await startKafkaBroker(libs);
    const log = createKafkaEventLog({ brokers: [own.address], ssl: false });
    try {
      await log.publish("wflo.events", records("a", 1, 2));
      const seen: number[] = [];
      const following = (async () => {
        for await (const { value } of log.read("wflo.events", { follow: true })) {
          seen.push((JSON.parse(value) as { n: number }).n);
          if (seen.includes(4)) return;
        }
      })();
      await eventually(() => expect(seen).toEqual([1, 2]));
      await own.kill();
      await expect(log.publish("wflo.events", records("a", 3, 4))).rejects.toThrow();
      await own.restart();
      await log.publish("wflo.events", records("a", 3, 4));
      await following;
      expect([...new Set(seen)]).toEqual([1, 2, 3, 4]);
    } finally {
      await log.close();
      await own.stop();
    }
  }, 120_000);

  test("a cluster that is not there is an error within moments", async () => {
    const told: string[] = [];
    const log = createKafkaEventLog({ brokers: ["127.0.0.1:1"], ssl: false }, (message) => told.push(message));
    await expect(log.publish("wflo.events", records("a", 1, 1))).rejects.toThrow(/ECONNREFUSED/);
    await expect(all(log.read("wflo.events"))).rejects.toThrow(/ECONNREFUSED/);
    expect(told.join()).toContain("ECONNREFUSED");
    await log.close();
  });
});

import { EventEmitter } from "node:events";
import { expect, test } from "@jest/globals";
import type { Kafka } from "kafkajs";
import { consume } from "../../../adapters/kafka/consuming.js";
import type { Topics } from "../../../adapters/kafka/topics.js";
import { eventually } from "../../harness/eventually.js";

/*
 * kafkajs's consumers that end for good. What ended them on a real broker (a batch that could not be unpacked) is a message now, so this one
 * only says what kafkajs says: the rest of consuming is tried on a broker (inbox.test.ts).
 */

const CRASH = "consumer.crash";

function crashing() {
  const made: EventEmitter[] = [];
  const consumer = () => {
    const emitter = new EventEmitter();
    made.push(emitter);
    const nothing = async () => {};
    return Object.assign(emitter, {
      events: { CRASH },
      ...{ connect: nothing, subscribe: nothing, run: nothing, disconnect: nothing },
    });
  };
  const topics = { ensure: async () => {} } as unknown as Topics;
  return { parts: { kafka: { consumer } as unknown as Kafka, topics }, made };
}

const crash = (consumer: EventEmitter | undefined, restart: boolean) =>
  consumer?.emit(CRASH, { payload: { error: new TypeError("it broke"), restart } });

test("one that ended for good is followed by another, and after six in a row whoever waits hears of it", async () => {
  const { parts, made } = crashing();
  const told: string[] = [];
  const options = { group: "g", topics: ["t"], handle: async () => {}, onProblem: (words: string) => told.push(words) };
  const consumption = await consume(parts, options);
  let isOver = false;
  const ended = expect(consumption.ended)
    .rejects.toThrow(/the consumer ended: it broke/)
    .then(() => {
      isOver = true;
    });
  for (let n = 1; n <= 6; n += 1) {
    await eventually(() => expect(made).toHaveLength(n));
    expect(isOver).toBe(false);
    crash(made.at(-1), false);
  }
  await ended;
  expect(made).toHaveLength(6);
  expect(told.filter((words) => words.includes("another one begins"))).toHaveLength(5);
}, 60_000);

test("one that begins again by itself, and one that was stopped, are followed by none", async () => {
  const { parts, made } = crashing();
  const consumption = await consume(parts, { group: "g", topics: ["t"], handle: async () => {} });
  crash(made[0], true);
  await consumption.stop();
  crash(made[0], false);
  await consumption.ended;
  expect(made).toHaveLength(1);
});

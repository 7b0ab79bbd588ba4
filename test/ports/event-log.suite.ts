import { afterEach, expect, test } from "@jest/globals";
import type { EventLog, EventReader, LogRecord } from "../../ports/event-log.js";
import { all, take } from "../harness/taking.js";

type Log = EventLog & EventReader;

/**
 * The promises of ports/event-log.ts, for every implementation.
 * @param open makes an empty log @param lostPosition one that no log of the test ever has
 */
export function eventLogSuite({
  open,
  lostPosition = "999999",
}: {
  readonly open: () => Promise<Log>;
  readonly lostPosition?: string;
}): void {
  const opened: Log[] = [];
  const openLog = async () => {
    const log = await open();
    opened.push(log);
    return log;
  };
  afterEach(async () => {
    for (const log of opened.splice(0)) await log.close();
  });
  const values = async (log: Log, topic: string) => (await all(log.read(topic))).map(({ value }) => value);

  test("what was published is read in order, from every topic its own", async () => {
    const log = await openLog();
    await log.publish("wflo.events", records("a", 1, 3));
    await log.publish("wflo.audit", records("b", 1, 1));
    await log.publish("wflo.events", records("a", 4, 5));
    expect(await values(log, "wflo.events")).toEqual(records("a", 1, 5).map(({ value }) => value));
    expect(await values(log, "wflo.audit")).toEqual(records("b", 1, 1).map(({ value }) => value));
    expect(await values(log, "nothing.here")).toEqual([]);
  });

  test("publishing nothing is no error and leaves nothing", async () => {
    const log = await openLog();
    await log.publish("wflo.events", []);
    expect(await values(log, "wflo.events")).toEqual([]);
  });

  test("publishes side by side all arrive, each in its own order", async () => {
    const log = await openLog();
    const keys = Array.from({ length: 20 }, (_, n) => `run-${n}`);
    await Promise.all(
      keys.map(async (key) => {
        await log.publish("wflo.events", records(key, 1, 3));
        await log.publish("wflo.events", records(key, 4, 5));
      }),
    );
    const read = (await values(log, "wflo.events")).map((value) => JSON.parse(value) as { key: string; n: number });
    expect(read).toHaveLength(100);
    for (const key of keys) expect(read.filter((one) => one.key === key).map(({ n }) => n)).toEqual([1, 2, 3, 4, 5]);
  });

  test("any JSON document survives: other scripts, line separators, a megabyte", async () => {
    const log = await openLog();
    const documents = ["é 日本 😀 \u2028\u2029 \\n", "x".repeat(1_000_000), ""].map((text) => JSON.stringify({ text }));
    await log.publish(
      "wflo.events",
      documents.map((value) => ({ key: "k", value })),
    );
    expect(await values(log, "wflo.events")).toEqual(documents);
  });

  test("a reading goes on where another stopped", async () => {
    const log = await openLog();
    await log.publish("wflo.events", records("a", 1, 5));
    const first = await take(log.read("wflo.events"), 2);
    const rest = await all(log.read("wflo.events", { from: first[1]!.position }));
    expect([...first, ...rest].map(({ value }) => value)).toEqual(records("a", 1, 5).map(({ value }) => value));
    expect(await all(log.read("wflo.events", { from: rest[2]!.position }))).toEqual([]);
  });

  test("what is no position is refused", async () => {
    const log = await openLog();
    expect(() => log.read("wflo.events", { from: "yesterday" })).toThrow(RangeError);
  });

  test("a position that the log does not have reads from the start", async () => {
    const log = await openLog();
    await log.publish("wflo.events", records("a", 1, 2));
    expect(await all(log.read("wflo.events", { from: lostPosition }))).toHaveLength(2);
  });

  test("a follower sees what was there and what comes, also of a topic that did not exist", async () => {
    const log = await openLog();
    const following = take(log.read("wflo.events", { follow: true }), 3);
    await log.publish("wflo.events", records("a", 1, 1));
    await log.publish("wflo.events", records("a", 2, 3));
    expect((await following).map(({ value }) => value)).toEqual(records("a", 1, 3).map(({ value }) => value));
  });

  test("a follower from the end sees only what comes after it asked", async () => {
    const log = await openLog();
    await log.publish("wflo.events", records("a", 1, 2));
    const reading = log.read("wflo.events", { from: "end", follow: true });
    await log.publish("wflo.events", records("a", 3, 3));
    expect((await take(reading, 1)).map(({ value }) => value)).toEqual(records("a", 3, 3).map(({ value }) => value));
  });

  test.each(["before it waits", "while it waits"])("aborting ends a follower %s", async (when) => {
    const log = await openLog();
    await log.publish("wflo.events", records("a", 1, 1));
    const controller = new AbortController();
    if (when === "before it waits") controller.abort();
    const reading = log.read("wflo.events", { follow: true, signal: controller.signal })[Symbol.asyncIterator]();
    if (when === "while it waits") {
      expect(await reading.next()).toMatchObject({ done: false });
      const waiting = reading.next();
      controller.abort();
      expect(await waiting).toMatchObject({ done: true });
    } else {
      expect(await reading.next()).toMatchObject({ done: true });
    }
  });

  test("closing the log ends its followers", async () => {
    const log = await openLog();
    const following = all(log.read("wflo.events", { follow: true }));
    await log.close();
    expect(await following).toEqual([]);
  });
}

/** Records `from` to `to` of a key. */
export function records(key: string, from: number, to: number): LogRecord[] {
  return Array.from({ length: to - from + 1 }, (_, n) => ({ key, value: JSON.stringify({ key, n: from + n }) }));
}

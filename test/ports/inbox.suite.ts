import { afterEach, expect, test } from "@jest/globals";
import type { Consumption, Inbox, InboxMessage, MessageContent } from "../../ports/inbox.js";
import { deferred } from "../harness/deferred.js";
import { eventually } from "../harness/eventually.js";
import { all } from "../harness/taking.js";

export interface InboxUnderTest {
  /** Another process's view of the same topics. */
  readonly open: () => Promise<Inbox>;
  /** Empty, and of this test alone. */
  readonly newTopic: () => string;
}

const message = (value: string, key: string | null = null): MessageContent => ({
  key: key === null ? null : Buffer.from(key),
  value: Buffer.from(JSON.stringify(value)),
  headers: {},
});
const textOf = ({ value }: InboxMessage): string => JSON.parse(Buffer.from(value ?? "").toString()) as string;

/** The promises of ports/inbox.ts, for every implementation. */
export function inboxSuite({ open, newTopic }: InboxUnderTest): void {
  const opened: Inbox[] = [];
  const openOne = async () => {
    const inbox = await open();
    opened.push(inbox);
    return inbox;
  };
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(async (inbox) => await inbox.close()));
  });
  const group = () => `group-${Math.random().toString(36).slice(2)}`;

  test("bytes, keys and headers come back as they were sent", async () => {
    const inbox = await openOne();
    const topic = newTopic();
    const odd: readonly MessageContent[] = [
      { key: null, value: Buffer.from('{"a":1}'), headers: {} },
      {
        key: Buffer.from([0xff, 0x00]),
        value: Buffer.from([0xfe, 0x0a, 0x0d]),
        headers: { "x-a": Buffer.from([0xc3, 0x28]) },
      },
      { key: Buffer.from("key"), value: null, headers: { one: Buffer.from("1"), two: Buffer.alloc(0) } },
      { key: null, value: Buffer.from("two\nlines"), headers: {} },
      { key: null, value: Buffer.from('{"wflo":"message","value":7}'), headers: {} },
      { key: null, value: Buffer.from('{"wflo":"message","key":null,"value":"YQ==","headers":{}}'), headers: {} },
    ];
    for (const one of odd) await inbox.send(topic, one);
    const found = await all(inbox.messages(topic));
    const plain = ({ key, value, headers }: MessageContent) => ({
      key: key && Buffer.from(key).toString("hex"),
      value: value && Buffer.from(value).toString("hex"),
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, bytes]) => [name, Buffer.from(bytes).toString("hex")]),
      ),
    });
    const sorted = (messages: readonly MessageContent[]) =>
      messages
        .map(plain)
        .map((one) => JSON.stringify(one))
        .sort();
    expect(sorted(found)).toEqual(sorted(odd));
    expect(new Set(found.map(({ partition, offset }) => `${partition}/${offset}`)).size).toBe(odd.length);
    expect(await all(inbox.messages(newTopic()))).toEqual([]);
  });

  test("a group handles what was sent before it came and after, a key in order", async () => {
    const inbox = await openOne();
    const topic = newTopic();
    const seen: string[] = [];
    for (let n = 0; n < 20; n += 1) await inbox.send(topic, message(`a${n}`, "a"));
    await inbox.consume({ group: group(), topics: [topic], handle: async (one) => void seen.push(textOf(one)) });
    for (let n = 20; n < 40; n += 1) await inbox.send(topic, message(`a${n}`, "a"));
    await eventually(() => expect(seen).toEqual(Array.from({ length: 40 }, (_, n) => `a${n}`)));
  });

  test("a message whose handling fails comes again, and none behind it of its key before that", async () => {
    const inbox = await openOne();
    const topic = newTopic();
    const told: string[] = [];
    const done: string[] = [];
    let failures = 3;
    for (const value of ["one", "two", "three"]) await inbox.send(topic, message(value, "k"));
    await inbox.consume({
      group: group(),
      topics: [topic],
      async handle(one) {
        const value = textOf(one);
        if (value === "two" && failures > 0) {
          failures -= 1;
          throw new Error("not now");
        }
        done.push(value);
      },
      onProblem: (problem) => told.push(problem),
    });
    await eventually(() => expect(done.at(-1)).toBe("three"));
    expect(done.filter((value, index) => done.indexOf(value) === index)).toEqual(["one", "two", "three"]);
    expect(failures).toBe(0);
    expect(told.filter((problem) => problem.includes("not now"))).toHaveLength(1);
  });

  test("what throws in a handler, whatever it is, ends no consumer", async () => {
    const inbox = await openOne();
    const topic = newTopic();
    const done: string[] = [];
    const errors = [new TypeError("x is not a function"), new SyntaxError("odd"), "a text", undefined];
    for (const value of ["bad", "good"]) await inbox.send(topic, message(value, value));
    await inbox.consume({
      group: group(),
      topics: [topic],
      async handle(one) {
        const value = textOf(one);
        // oxlint-disable-next-line no-throw-literal
        if (value === "bad" && errors.length > 0) throw errors.shift();
        done.push(value);
      },
    });
    await eventually(() => expect(new Set(done)).toEqual(new Set(["bad", "good"])));
  });

  test("a member that stops lets end what is under way; the next one goes on after it", async () => {
    const topic = newTopic();
    const name = group();
    const first = await openOne();
    for (let n = 0; n < 3; n += 1) await first.send(topic, message(`m${n}`, "k"));
    const [begun, gate] = [deferred<void>(), deferred<void>()];
    const done: string[] = [];
    const consumption = await first.consume({
      group: name,
      topics: [topic],
      async handle(one) {
        if (textOf(one) === "m1") {
          begun.resolve();
          await gate.promise;
        }
        done.push(textOf(one));
      },
    });
    await begun.promise;
    const stopping = consumption.stop();
    gate.resolve();
    await stopping;
    await consumption.ended;
    expect(done).toContain("m1");
    const before = [...done];
    const second = await openOne();
    await second.consume({ group: name, topics: [topic], handle: async (one) => void done.push(textOf(one)) });
    await second.send(topic, message("m3", "k"));
    await eventually(() => expect(done.at(-1)).toBe("m3"));
    expect(new Set(done)).toEqual(new Set(["m0", "m1", "m2", "m3"]));
    // What was committed does not come again.
    expect(done.slice(before.length)).toEqual(["m0", "m1", "m2", "m3"].filter((one) => !before.includes(one)));
  });

  test("members share the work, and one that comes later takes over from one that goes", async () => {
    const topic = newTopic();
    const name = group();
    const [one, two] = [await openOne(), await openOne()];
    const done: string[] = [];
    const consume = async (inbox: Inbox): Promise<Consumption> =>
      await inbox.consume({ group: name, topics: [topic], handle: async (sent) => void done.push(textOf(sent)) });
    const first = await consume(one);
    await consume(two);
    for (let n = 0; n < 30; n += 1) await one.send(topic, message(`m${n}`, `k${n}`));
    await eventually(() => expect(new Set(done).size).toBe(30));
    await first.stop();
    for (let n = 30; n < 60; n += 1) await two.send(topic, message(`m${n}`, `k${n}`));
    await eventually(() => expect(new Set(done).size).toBe(60));
  });

  test("groups do not disturb each other", async () => {
    const inbox = await openOne();
    const topic = newTopic();
    const seen = { one: [] as string[], two: [] as string[] };
    for (const name of ["one", "two"] as const) {
      await inbox.consume({
        group: group(),
        topics: [topic],
        handle: async (sent) => void seen[name].push(textOf(sent)),
      });
    }
    await inbox.send(topic, message("a"));
    await eventually(() => expect(seen).toEqual({ one: ["a"], two: ["a"] }));
  });
}

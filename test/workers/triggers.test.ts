import { appendFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { createFileInbox } from "../../adapters/file/inbox.js";
import { createKafkaInbox } from "../../adapters/kafka/inbox.js";
import type { Inbox, InboxMessage } from "../../ports/inbox.js";
import { eventually } from "../harness/eventually.js";
import { type KafkaBroker, startKafkaBroker } from "../harness/kafka-broker.js";
import { describeWith } from "../harness/real-part.js";
import { all } from "../harness/taking.js";
import { startTriggerWorld, type TriggerWorld } from "../harness/trigger-world.js";

/* `wflo triggers` as a process of its own, with a real server and workers: on a real broker, and on the event file. */

const AGENTS = `
import { defineAgent, defineTrigger } from "wflo";
import { z } from "zod";
export const helper = defineAgent({ name: "helper", instructions: "Be brief.", model: "scripted/plain" });
export const orders = defineTrigger({
  name: "orders", topic: "shop.orders",
  filter: ({ kind }) => kind !== "test",
  schema: z.object({ id: z.string(), customer: z.string() }),
  map: ({ customer }, { topic }) => ({ agent: "helper", input: "hello " + customer, labels: { topic } }),
});`;

/** A message as a stranger's client sends it. */
interface Sent {
  readonly key?: string;
  readonly value: Buffer | null;
}

interface Bus {
  readonly environment: NodeJS.ProcessEnv;
  readonly keepsEmpty: boolean;
  send(world: TriggerWorld, topic: string, messages: readonly Sent[]): Promise<void>;
  /** What a topic holds: bytes and headers, as text. */
  read(
    world: TriggerWorld,
    topic: string,
  ): Promise<readonly { value: Buffer | null; headers: Record<string, string> }[]>;
}

const json = (value: unknown): Sent => ({ value: Buffer.from(JSON.stringify(value)) });

/** Those that nobody has settled, with their headers as text. */
function letters(messages: readonly InboxMessage[]) {
  return messages
    .filter(({ headers }) => headers["wflo-settled"] === undefined)
    .map(({ value, headers }) => ({
      value: value && Buffer.from(value),
      headers: Object.fromEntries(Object.entries(headers).map(([name, one]) => [name, Buffer.from(one).toString()])),
    }));
}

function triggerSuite(bus: () => Bus): void {
  let world: TriggerWorld;
  beforeAll(async () => {
    world = await startTriggerWorld({ agents: AGENTS, environment: bus().environment });
    await world.workers.startWorker();
  }, 60_000);
  afterEach(async () => await world.stopTriggers());
  afterAll(async () => await world.stop());
  const send = async (topic: string, ...messages: readonly Sent[]) => await bus().send(world, topic, messages);

  test("events start runs, each once, and tell runs that go on", async () => {
    const triggers = await world.startTriggers();
    const run = (id: string) => json({ id, agent: "helper", input: "hi" });
    await send("wflo.triggers", run("a-1"), run("a-2"), run("a-1"));
    await send("shop.orders", json({ id: "o-1", customer: "Ada" }), json({ id: "o-2", kind: "test" }));
    await send("shop.orders", json({ id: "o-3", customer: "Bob" }), json({ id: "o-1", customer: "Ada" }));
    await eventually(async () => {
      expect(await world.runs("trigger:")).toEqual([
        "trigger:orders:o-1",
        "trigger:orders:o-3",
        "trigger:wflo.triggers:a-1",
        "trigger:wflo.triggers:a-2",
      ]);
    });
    const { client } = world.workers;
    expect(await client.workflow.getHandle("trigger:orders:o-1").result()).toMatchObject({ output: "hello" });

    await world.workers.startRun({ agent: "helper", input: "hi", budget: { limitUsd: "1" } }, "goes-on");
    const told = { id: "s-1", workflowId: "trigger:wflo.triggers:a-9", signal: "message", payload: { text: "hello" } };
    await send("wflo.triggers", json(told));
    await eventually(async () => {
      const errors = (await bus().read(world, "wflo.triggers.dlq")).map(({ headers }) => headers["wflo-error"]);
      expect(errors).toEqual([expect.stringMatching(/there is no run trigger:wflo\.triggers:a-9/)]);
    });
    await triggers.stop("SIGTERM");
    expect(await triggers.ended).toBe(0);
  }, 120_000);

  test("what can't be acted on goes to the dead letters with its bytes, and what stands around it goes through", async () => {
    await world.startTriggers();
    const before = (await bus().read(world, "wflo.triggers.dlq")).length;
    const poison: readonly (readonly [Sent, RegExp])[] = [
      [{ value: Buffer.from("{not json") }, /not JSON/],
      // An empty line is none.
      ...(bus().keepsEmpty ? [[{ value: null }, /the value is empty/] as const] : []),
      [json([1, 2]), /id: must be/],
      [json({ id: "p-1", agent: "helper", input: 7 }), /input: must be/],
      [json({ id: "p-2", agent: "nobody", input: "hi" }), /there is no agent "nobody" here; there are helper/],
      [json({ id: "p-3", agent: "helper", input: "x".repeat(2_000_000) }), /input: is larger than 1024 KiB/],
      [{ value: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]) }, /no UTF-8/],
      [json({ id: "p-4", agent: "helper", input: "hi", model: "scripted//etc/passwd" }), /names a file/],
      [json({ id: "", agent: "helper", input: "hi" }), /key: must be/],
      [json({ id: "p-5", workflowId: "goes-on", signal: "explode" }), /signal: must be one of/],
    ];
    await send("wflo.triggers", json({ id: "before", agent: "helper", input: "hi" }));
    await send("wflo.triggers", ...poison.map(([message]) => message));
    await send("shop.orders", json({ id: "o-9" }));
    await send("wflo.triggers", json({ id: "after", agent: "helper", input: "hi" }));
    await eventually(async () => {
      expect(await world.runs("trigger:wflo.triggers:before")).toHaveLength(1);
      expect(await world.runs("trigger:wflo.triggers:after")).toHaveLength(1);
      expect(await bus().read(world, "wflo.triggers.dlq")).toHaveLength(before + poison.length);
      expect(await bus().read(world, "shop.orders.dlq")).toHaveLength(1);
    });
    const letters = await bus().read(world, "wflo.triggers.dlq");
    for (const [{ value }, reason] of poison) {
      const letter = letters.find((one) => (one.value ?? Buffer.alloc(0)).equals(value ?? Buffer.alloc(0)));
      expect(letter?.headers).toMatchObject({
        "wflo-error": expect.stringMatching(reason),
        "wflo-topic": "wflo.triggers",
        "wflo-partition": expect.stringMatching(/^\d+$/),
        "wflo-offset": expect.stringMatching(/^\d+$/),
      });
    }
    expect((await bus().read(world, "shop.orders.dlq"))[0]?.headers["wflo-error"]).toMatch(
      /trigger orders: customer: /,
    );
  }, 120_000);

  test("a dead letter is looked at, retried once the cause is mended, and dropped", async () => {
    const waiting = async () => JSON.parse(await world.cli("dlq", "list", "--json")) as { id: string; error: string }[];
    const letters = await waiting();
    const unknown = letters.find(({ error }) => error.includes("nobody"));
    expect(JSON.parse(await world.cli("dlq", "show", unknown?.id ?? "", "--json"))).toMatchObject({
      id: unknown?.id,
      topic: "wflo.triggers",
      value: JSON.stringify({ id: "p-2", agent: "nobody", input: "hi" }),
    });
    const more = 'export const nobody = defineAgent({ name: "nobody", instructions: "", model: "scripted/plain" });';
    await appendFile(join(world.workers.folder, "agents.mjs"), `\n${more}`);
    const worker = await world.workers.startWorker();
    await world.startTriggers();
    await world.cli("dlq", "retry", unknown?.id ?? "");
    await eventually(async () => expect(await world.runs("trigger:wflo.triggers:p-2")).toHaveLength(1));
    const left = await waiting();
    expect(left.map(({ id }) => id)).toEqual(letters.map(({ id }) => id).filter((id) => id !== unknown?.id));
    const again = world.cli("dlq", "retry", unknown?.id ?? "");
    await expect(again).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching(/no dead letter waits as/) });
    await world.cli("dlq", "drop", "--all");
    expect(await waiting()).toEqual([]);
    expect(await world.cli("dlq", "list")).toMatch(/no dead letters/);
    await worker.stop();
  }, 120_000);

  test("while Temporal is away events wait, and none is taken for dead", async () => {
    const triggers = await world.startTriggers();
    const letters = (await bus().read(world, "wflo.triggers.dlq")).length;
    const events = Array.from({ length: 20 }, (_, n) => json({ id: `w-${n}`, agent: "helper", input: "hi" }));
    await world.server.restart(async () => {
      await send("wflo.triggers", ...events);
      await triggers.line(/waits at/);
    });
    await eventually(async () => expect(await world.runs("trigger:wflo.triggers:w-")).toHaveLength(20), {
      withinMs: 60_000,
    });
    expect(await bus().read(world, "wflo.triggers.dlq")).toHaveLength(letters);
  }, 120_000);
}

describeWith("kafka", (libs) => {
  let broker: KafkaBroker;
  let inbox: Inbox;
  beforeAll(async () => {
    broker = await startKafkaBroker(libs, { partitions: 3 });
    inbox = createKafkaInbox({ brokers: [broker.address], ssl: false });
  }, 60_000);
  afterAll(async () => {
    await inbox.close();
    await broker.stop();
  });

  const bus: Bus = {
    keepsEmpty: true,
    get environment() {
      return { KAFKA_BROKERS: broker.address };
    },
    async send(_world, topic, messages) {
      for (const { key, value } of messages) {
        await inbox.send(topic, { key: key === undefined ? null : Buffer.from(key), value, headers: {} });
      }
    },
    async read(_world, topic) {
      return letters(await all(inbox.messages(topic)));
    },
  };
  triggerSuite(() => bus);
});

describe("on the event file", () => {
  const pathOf = (world: TriggerWorld, topic: string) => join(world.workers.folder, "state", `${topic}.jsonl`);
  triggerSuite(() => ({
    environment: {},
    keepsEmpty: false,
    async send(world, topic, messages) {
      const path = pathOf(world, topic);
      await mkdir(dirname(path), { recursive: true });
      for (const { value } of messages)
        await appendFile(path, Buffer.concat([value ?? Buffer.alloc(0), Buffer.from("\n")]));
    },
    async read(world, topic) {
      const topics = { events: "wflo.events", audit: "wflo.audit" };
      const inbox = createFileInbox({ folder: join(world.workers.folder, "state"), topics });
      const found = await all(inbox.messages(topic));
      await inbox.close();
      return letters(found);
    },
  }));
});

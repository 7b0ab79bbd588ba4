import { appendFile, chmod, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { createFileEventLog } from "../../../adapters/file/event-log.js";
import { packageRoot } from "../../../workers/tool-finder.js";
import { temporaryFolders } from "../../harness/folder.js";
import { type StartedProcess, startProcess } from "../../harness/processes.js";
import { all, take } from "../../harness/taking.js";
import { eventLogSuite, records } from "../../ports/event-log.suite.js";

const folder = temporaryFolders();

eventLogSuite({ open: async () => createFileEventLog({ folder: await folder() }) });

test("events and audit records are JSON lines in events.jsonl and audit.jsonl, whatever their topics are called", async () => {
  const at = join(await folder(), "state");
  const log = createFileEventLog({ folder: at, topics: { events: "acme.events", audit: "acme.audit" } });
  await log.publish("acme.events", [{ key: "k", value: '{\n  "pretty": true\n}' }]);
  await log.publish("acme.audit", records("a", 1, 2));
  await log.publish("wflo.triggers.dlq", records("d", 1, 1));
  expect((await readdir(at)).sort()).toEqual(["audit.jsonl", "events.jsonl", "wflo.triggers.dlq.jsonl"]);
  expect(await readFile(join(at, "events.jsonl"), "utf8")).toBe('{"pretty":true}\n');
  expect(await readFile(join(at, "audit.jsonl"), "utf8")).toBe('{"key":"a","n":1}\n{"key":"a","n":2}\n');
});

test.each(["../escape", "", "a/b", "events", "AUDIT"])("the topic %j gets no file", async (topic) => {
  const log = createFileEventLog({ folder: await folder() });
  await expect(log.publish(topic, records("a", 1, 1))).rejects.toThrow(RangeError);
});

test("what is no JSON document is never published", async () => {
  const log = createFileEventLog({ folder: await folder() });
  await expect(log.publish("wflo.events", [{ key: "k", value: "{torn" }])).rejects.toThrow("one JSON document");
});

test("a line that a dying process tore is healed: the next record stands on a line of its own", async () => {
  const at = await folder();
  await writeFile(join(at, "events.jsonl"), '{"key":"a","n":1}\n{"key":"a","n"');
  const log = createFileEventLog({ folder: at });
  await log.publish("wflo.events", records("a", 2, 2));
  await log.publish("wflo.events", records("a", 3, 3));
  expect(await readFile(join(at, "events.jsonl"), "utf8")).toBe(
    '{"key":"a","n":1}\n{"key":"a","n"\n{"key":"a","n":2}\n{"key":"a","n":3}\n',
  );
  const read = await all(log.read("wflo.events"));
  expect(read.map(({ value }) => value)).toEqual(records("a", 1, 3).map(({ value }) => value));
});

test("a record that is being written is not read by halves", async () => {
  const at = await folder();
  const file = join(at, "events.jsonl");
  const log = createFileEventLog({ folder: at });
  await log.publish("wflo.events", records("a", 1, 1));
  await appendFile(file, '{"key":"a",');
  expect(await all(log.read("wflo.events"))).toHaveLength(1);
  const reading = log.read("wflo.events", { follow: true })[Symbol.asyncIterator]();
  await reading.next();
  const second = reading.next();
  await appendFile(file, '"n":2}\n');
  expect((await second).value).toMatchObject({ value: '{"key":"a","n":2}' });
  await log.close();
});

test("a log whose file was rotated, removed or overwritten goes on, and so do its followers", async () => {
  const at = await folder();
  const file = join(at, "events.jsonl");
  const log = createFileEventLog({ folder: at });
  const reading = log.read("wflo.events", { follow: true })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await reading.next()).value?.value ?? "null");
  await log.publish("wflo.events", records("a", 1, 1));
  expect(await next()).toEqual({ key: "a", n: 1 });
  await rename(file, `${file}.1`);
  await log.publish("wflo.events", records("a", 2, 2));
  expect(await next()).toEqual({ key: "a", n: 2 });
  await rm(at, { recursive: true });
  await log.publish("wflo.events", records("a", 3, 3));
  expect(await next()).toEqual({ key: "a", n: 3 });
  await writeFile(file, '{"key":"a","n":4}\n');
  expect(await next()).toEqual({ key: "a", n: 4 });
  await log.close();
});

test("a file that cannot be written is an error that names it, and what comes later is written again", async () => {
  const at = await folder();
  await writeFile(join(at, "state"), "a file where the folder should be");
  const log = createFileEventLog({ folder: join(at, "state") });
  await expect(log.publish("wflo.events", records("a", 1, 1))).rejects.toThrow(join(at, "state", "events.jsonl"));
  await rm(join(at, "state"));
  await log.publish("wflo.events", records("a", 2, 2));
  expect(await all(log.read("wflo.events"))).toHaveLength(1);
});

test("records are readable by their owner alone, and a mode that an operator set stays", async () => {
  const at = await folder();
  const log = createFileEventLog({ folder: at });
  const modeAfterRecord = async (n: number) => {
    await log.publish("wflo.events", records("a", n, n));
    return (await stat(join(at, "events.jsonl"))).mode & 0o777;
  };
  expect(await modeAfterRecord(1)).toBe(0o600);
  await chmod(join(at, "events.jsonl"), 0o640);
  expect(await modeAfterRecord(2)).toBe(0o640);
});

const WRITER = `
  import { createFileEventLog } from "./adapters/file/event-log.ts";
  const [folder, key, count] = process.argv.slice(1);
  const log = createFileEventLog({ folder });
  const padding = "x".repeat(20_000);
  process.stdout.write("started\\n");
  for (let n = 1; n <= Number(count); n += 1) {
    const batch = [1, 2, 3].map((part) => ({ key, value: JSON.stringify({ key, n, part, padding }) }));
    await log.publish("wflo.events", batch);
    process.stdout.write(\`published \${n}\\n\`);
  }`;

async function startWriter(at: string, key: string, count: number): Promise<StartedProcess> {
  const args = [
    "--import",
    "./scripts/typescript.mjs",
    "--input-type=module",
    "--eval",
    WRITER,
    at,
    key,
    String(count),
  ];
  return await startProcess({ command: process.execPath, args, cwd: packageRoot(), ready: /^started/ });
}

async function partsByKey(at: string): Promise<Map<string, { n: number; part: number }[]>> {
  const found = new Map<string, { n: number; part: number }[]>();
  for (const { value } of await all(createFileEventLog({ folder: at }).read("wflo.events"))) {
    const { key, n, part } = JSON.parse(value) as { key: string; n: number; part: number };
    found.set(key, [...(found.get(key) ?? []), { n, part }]);
  }
  return found;
}

test("processes that append side by side mix no lines and lose none", async () => {
  const at = await folder();
  const keys = ["a", "b", "c"];
  const writers = await Promise.all(keys.map(async (key) => await startWriter(at, key, 40)));
  expect(await Promise.all(writers.map(async ({ ended }) => await ended))).toEqual([0, 0, 0]);
  const lines = (await readFile(join(at, "events.jsonl"), "utf8")).split("\n").filter((line) => line !== "");
  for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
  const expected = Array.from({ length: 40 }, (_, n) => [1, 2, 3].map((part) => ({ n: n + 1, part }))).flat();
  const found = await partsByKey(at);
  for (const key of keys) expect(found.get(key)).toEqual(expected);
});

test("processes killed while they append take no record along that they had published, nor one of another", async () => {
  const at = await folder();
  const survivor = await startWriter(at, "survivor", 150);
  const published = new Map<string, number>();
  for (let round = 1; round <= 4; round += 1) {
    const key = `victim-${round}`;
    const victim = await startWriter(at, key, 100_000);
    await victim.line(/^published 5$/);
    await victim.stop("SIGKILL");
    published.set(
      key,
      Number(
        victim
          .output()
          .match(/published (\d+)\n/g)
          ?.at(-1)
          ?.match(/\d+/)?.[0],
      ),
    );
  }
  expect(await survivor.ended).toBe(0);
  published.set("survivor", 150);
  const found = await partsByKey(at);
  for (const [key, last] of published) {
    expect(last).toBeGreaterThanOrEqual(5);
    for (let n = 1; n <= last; n += 1) {
      expect(
        found
          .get(key)
          ?.filter((one) => one.n === n)
          .map(({ part }) => part),
      ).toEqual([1, 2, 3]);
    }
  }
});

test("a follower in one process sees what another process publishes", async () => {
  const at = await folder();
  const log = createFileEventLog({ folder: at });
  const following = take(log.read("wflo.events", { follow: true }), 6);
  const writer = await startWriter(at, "other", 2);
  expect((await following).map(({ value }) => (JSON.parse(value) as { n: number }).n)).toEqual([1, 1, 1, 2, 2, 2]);
  expect(await writer.ended).toBe(0);
  await log.close();
});

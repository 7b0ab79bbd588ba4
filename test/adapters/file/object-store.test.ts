import { execFile } from "node:child_process";
import { readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { createFileObjectStore } from "../../../adapters/file/object-store.js";
import { packageRoot } from "../../../workers/tool-finder.js";
import { temporaryFolders } from "../../harness/folder.js";
import { startProcess } from "../../harness/processes.js";
import { describeWith } from "../../harness/real-part.js";
import { objectStoreSuite } from "../../ports/object-store.suite.js";

const run = promisify(execFile);
const folder = temporaryFolders();
const value = new TextEncoder().encode("value");

describe.each([true, false])("durable: %s", (durable) => {
  let root = "";
  beforeAll(async () => {
    root = join(await folder(), "made", "when", "needed");
  });
  objectStoreSuite({ open: async () => createFileObjectStore({ root, durable }) });
});

const RACER = `
  import { createFileObjectStore } from "./adapters/file/object-store.ts";
  const [root, name, racers, keys] = process.argv.slice(1);
  const store = createFileObjectStore({ root });
  await store.put(\`ready/\${name}\`, Buffer.from(name));
  while ((await store.list("ready/")).length < Number(racers)) await new Promise(setImmediate);
  const won = [];
  const race = async (key) => {
    if (await store.putIfAbsent(\`race/\${key}\`, Buffer.from(name.repeat(3000)))) won.push(key);
    const found = Buffer.from(await store.get(\`race/\${key}\`)).toString();
    if (found !== found[0].repeat(3000)) throw new Error("half a value");
  };
  // Ten at a time, each racer from another key on, so that nobody is first everywhere.
  for (let from = 0; from < Number(keys); from += 10) {
    const start = from + "abcd".indexOf(name) * 10;
    await Promise.all(Array.from({ length: 10 }, (_, n) => race((start + n) % Number(keys))));
  }
  process.stdout.write(JSON.stringify({ name, won }));`;

test("of several processes that put the same keys if absent, each key has one winner, whose value is there", async () => {
  const root = await folder();
  const names = ["a", "b", "c", "d"];
  const args = ["--import", "./scripts/typescript.mjs", "--input-type=module", "--eval", RACER, root];
  const racers = await Promise.all(
    names.map(async (name) => {
      const racing = [...args, name, String(names.length), "150"];
      return await startProcess({ command: process.execPath, args: racing, cwd: packageRoot() });
    }),
  );
  const winners = new Map<number, string>();
  for (const racer of racers) {
    expect(await racer.ended).toBe(0);
    const { name, won } = JSON.parse(racer.output()) as { name: string; won: number[] };
    for (const key of won) {
      expect(winners.get(key)).toBeUndefined();
      winners.set(key, name);
    }
  }
  expect(winners.size).toBe(150);
  expect(new Set(winners.values()).size).toBeGreaterThan(1);
  const store = createFileObjectStore({ root });
  for (const [key, name] of winners) {
    expect(new TextDecoder().decode(await store.get(`race/${key}`))).toBe(name.repeat(3000));
  }
});

test("nothing but values is left behind, and what a killed process left is never listed", async () => {
  const root = await folder();
  const store = createFileObjectStore({ root });
  await store.put("a/1", value);
  await store.putIfAbsent("a/1", value);
  await store.putIfAbsent("a/2", value);
  await store.put("a/2", value);
  expect(await readdir(root, { recursive: true })).toEqual(["a", "a/1", "a/2"]);
  await writeFile(join(root, "a", "+123-abandoned"), "half a val");
  expect(await store.list("a/")).toEqual(["a/1", "a/2"]);
});

test("values are readable by their owner alone", async () => {
  const root = await folder();
  await createFileObjectStore({ root }).put("a/secret", value);
  expect((await stat(join(root, "a", "secret"))).mode & 0o777).toBe(0o600);
});

test("a store whose folder is removed meanwhile goes on, empty", async () => {
  const root = await folder();
  const store = createFileObjectStore({ root });
  await store.put("a/1", value);
  await rm(root, { recursive: true });
  expect(await store.get("a/1")).toBeUndefined();
  expect(await store.list("a/")).toEqual([]);
  expect(await store.putIfAbsent("a/1", value)).toBe(true);
  expect(await store.get("a/1")).toEqual(Buffer.from(value));
});

test("a place that cannot be written is an error that names store and key, and not one that may pass", async () => {
  const root = join(await folder(), "blobs");
  await writeFile(root, "a file where the folder should be");
  const store = createFileObjectStore({ root });
  const refusal = await store.put("a/1", value).catch((error: Error) => error);
  expect(refusal).toMatchObject({
    name: "Error",
    message: expect.stringContaining(`file:${root}: a/1 cannot be written`),
  });
  expect(await store.get("a/1")).toBeUndefined();
});

/** Runs a script on a store in `/mnt/full`, a file system of one megabyte, with another one mounted below it. */
const SMALL_DISK = `
  import { createFileObjectStore } from "./adapters/file/object-store.ts";
  import { readdir } from "node:fs/promises";
  const store = createFileObjectStore({ root: "/mnt/full" });
  const failure = (error) => \`\${error.name}: \${error.message}\`;
  const report = {};
  report.elsewhere = await store.putIfAbsent("mounted/key", Buffer.from("x")).catch(failure);
  report.overwritten = await store.put("mounted/key", Buffer.from("y")).catch(failure);
  report.large = await store.put("large/key", Buffer.alloc(3_000_000)).catch(failure);
  report.left = (await readdir("/mnt/full", { recursive: true })).filter((name) => name.includes("+"));
  report.found = (await store.get("large/key")) !== undefined;
  report.small = await store.put("small/key", Buffer.alloc(1_000)).catch(failure);
  process.stdout.write(JSON.stringify(report));`;

describeWith("bubblewrap", (bwrap) => {
  test("a full disk may pass: the error says what to do, nothing is left, and smaller values still fit", async () => {
    const mounts = ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/mnt"];
    const small = ["--size", "1000000", "--tmpfs", "/mnt/full", "--size", "1000000", "--tmpfs", "/mnt/full/mounted"];
    const node = [
      process.execPath,
      "--import",
      "./scripts/typescript.mjs",
      "--input-type=module",
      "--eval",
      SMALL_DISK,
    ];
    const { stdout } = await run(bwrap, [...mounts, ...small, "--", ...node], { cwd: packageRoot() });
    expect(JSON.parse(stdout)).toEqual({
      elsewhere: true,
      large: expect.stringMatching(
        /^StoreUnavailable: file:\/mnt\/full: large\/key cannot be written: ENOSPC.*free some space/,
      ),
      left: [],
      found: false,
    });
  });
});

import { expect, test } from "@jest/globals";
import { createBlobs } from "../../activities/blobs.js";
import { createWorkspaces } from "../../activities/workspace.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import type { ObjectStore } from "../../ports/object-store.js";

const open = (store: ObjectStore = createMemoryObjectStore()) => {
  const blobs = createBlobs(store);
  return { blobs, store, workspaces: createWorkspaces(blobs) };
};
const file = (path: string, content: string, executable?: boolean) => ({
  path,
  content: Buffer.from(content),
  ...(executable === undefined ? {} : { executable }),
});
const texts = (files: readonly { path: string; content: Uint8Array; executable?: boolean }[]) =>
  files.map(({ path, content, executable }) => [path, Buffer.from(content).toString(), executable ?? false]);

test("what was saved is loaded, sorted by path, with what may be executed", async () => {
  const { workspaces } = open();
  const snapshot = await workspaces.save([
    file("z", "last"),
    file("a/run.sh", "#!/bin/sh", true),
    file("b", "", false),
  ]);
  expect(texts(await workspaces.load(snapshot))).toEqual([
    ["a/run.sh", "#!/bin/sh", true],
    ["b", "", false],
    ["z", "last", false],
  ]);
});

test("bytes come back as they were", async () => {
  const { workspaces } = open();
  const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
  const [loaded] = await workspaces.load(await workspaces.save([{ path: "bytes", content: bytes }]));
  expect(Buffer.from(loaded!.content)).toEqual(Buffer.from(bytes));
});

test("equal workspaces have the same address, whatever the order of their files; others have not", async () => {
  const { workspaces } = open();
  const [one, two] = [file("one", "1"), file("two", "2")];
  const address = await workspaces.save([one, two]);
  expect(await workspaces.save([two, one])).toBe(address);
  expect(await open().workspaces.save([one, two])).toBe(address);
  const others = [[one], [one, file("two", "3")], [one, file("three", "2")], [one, file("two", "2", true)]];
  for (const other of others) expect(await workspaces.save(other)).not.toBe(address);
});

test("only what changed is stored again", async () => {
  const { store, workspaces } = open();
  const big = file("big", "x".repeat(10_000));
  await workspaces.save([big, file("small", "1")]);
  const before = await store.list("blobs/");
  await workspaces.save([big, file("copy-of-big", "x".repeat(10_000)), file("small", "2")]);
  const added = (await store.list("blobs/")).filter((key) => !before.includes(key));
  expect(added).toHaveLength(2); // the snapshot, and the small file
});

test("no snapshot is the empty workspace", async () => {
  const { workspaces } = open();
  expect(await workspaces.load(undefined)).toEqual([]);
  expect(await workspaces.load(await workspaces.save([]))).toEqual([]);
});

test("the run's files are those below out/, by their path below it", async () => {
  const { workspaces, blobs } = open();
  const files = [
    file("out/a.csv", "a"),
    file("out/deep/b", "b"),
    file("outer", "c"),
    file("src/out/d", "d"),
    file("out/__proto__", "e"),
  ];
  const out = await workspaces.out(await workspaces.save(files));
  expect(Object.keys(out).sort()).toEqual(["__proto__", "a.csv", "deep/b"]);
  expect(await blobs.getText(out["deep/b"]!)).toBe("b");
});

test("input files make a snapshot, by their text and by their address", async () => {
  const { workspaces, blobs } = open();
  const { ref } = await blobs.put("from the store");
  const snapshot = await workspaces.fromInput({ "in/text": "as given", "in/blob": { ref } });
  expect(texts(await workspaces.load(snapshot))).toEqual([
    ["in/blob", "from the store", false],
    ["in/text", "as given", false],
  ]);
});

test("an input file whose blob is not there is missed at the start, not by the first tool", async () => {
  const missing = `sha256:${"0".repeat(64)}` as const;
  await expect(open().workspaces.fromInput({ a: { ref: missing } })).rejects.toThrow(missing);
});

test.each([
  [{ "../a": "" }, 'files: "../a" must be relative'],
  [{ "a/b": "", a: "" }, 'files: "a" is a file and a folder'],
  [{ "a\ud800": "" }, "must be valid Unicode"],
])("input files %j are refused by name", async (files, message) => {
  await expect(open().workspaces.fromInput(files)).rejects.toMatchObject({
    name: "RunRefused",
    type: "InvalidInput",
    message: expect.stringContaining(message),
  });
});

test("a thousand files are stored and loaded a few at a time", async () => {
  const memory = createMemoryObjectStore();
  let [running, most] = [0, 0];
  const counted = async <T>(work: () => Promise<T>) => {
    running += 1;
    most = Math.max(most, running);
    try {
      return await work();
    } finally {
      running -= 1;
    }
  };
  const store: ObjectStore = {
    ...memory,
    get: async (key) => await counted(async () => await memory.get(key)),
    putIfAbsent: async (key, value) => await counted(async () => await memory.putIfAbsent(key, value)),
  };
  const files = Array.from({ length: 1_000 }, (_, n) => file(`f${String(n).padStart(4, "0")}`, `content ${n}`));
  const snapshot = await open(store).workspaces.save(files);
  expect(texts(await open(store).workspaces.load(snapshot))).toEqual(texts(files));
  expect(most).toBeLessThanOrEqual(16);
});

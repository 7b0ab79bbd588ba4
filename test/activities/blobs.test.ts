import { expect, test } from "@jest/globals";
import { type Blobs, createBlobs } from "../../activities/blobs.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import { addressOf } from "../../core/digest.js";
import type { BlobAddress } from "../../core/transcript.js";
import { type ObjectStore, StoreUnavailable } from "../../ports/object-store.js";
import { createCountingStore } from "../harness/counting-store.js";

const NOWHERE: BlobAddress = `sha256:${"0".repeat(64)}`;

async function onlyKey(store: ObjectStore): Promise<string> {
  const keys = await store.list("blobs/");
  expect(keys).toHaveLength(1);
  return keys[0]!;
}

test("content is stored under its own address, once, and comes back as it was", async () => {
  const store = createCountingStore();
  const blobs = createBlobs(store);
  const first = await blobs.put("two é 😀");
  const second = await blobs.put(new TextEncoder().encode("two é 😀"));
  expect(first).toEqual({ ref: addressOf("two é 😀"), bytes: 11 });
  expect(second).toEqual(first);
  expect(await onlyKey(store)).toBe(`blobs/${first.ref.slice(7, 9)}/${first.ref.slice(9)}`);
  expect(await createBlobs(store).getText(first.ref)).toBe("two é 😀");
});

test.each([
  ["nothing", ""],
  ["a byte order mark", "\uFEFFtext"],
  ["line ends", "a\r\nb\u2028c"],
])("a text with %s comes back as it was", async (_case, text) => {
  const store = createMemoryObjectStore();
  const { ref } = await createBlobs(store).put(text);
  expect(await createBlobs(store).getText(ref)).toBe(text);
});

test("equal values are one blob, whatever the order of their members", async () => {
  const store = createMemoryObjectStore();
  const blobs = createBlobs(store);
  const one = await blobs.putJson({ a: 1, b: [undefined, { d: 1, c: 2 }], e: undefined });
  const two = await blobs.putJson({ b: [null, { c: 2, d: 1 }], a: 1 });
  expect(two).toEqual(one);
  expect(await createBlobs(store).getJson(one.ref)).toEqual({ a: 1, b: [null, { c: 2, d: 1 }] });
});

test("a flipped bit is an error that names the blob, not an answer", async () => {
  const store = createMemoryObjectStore();
  const { ref } = await createBlobs(store).put("an answer that was paid for");
  const key = await onlyKey(store);
  const bytes = (await store.get(key))!;
  bytes[3]! ^= 0b0000_0100;
  await store.put(key, bytes);
  const blobs = createBlobs(store);
  for (const read of [blobs.get, blobs.getText, blobs.getJson]) {
    await expect(read(ref)).rejects.toMatchObject({ name: "BlobCorrupt", message: expect.stringContaining(ref) });
  }
});

test.each([
  ["is cut off", (bytes: Uint8Array) => bytes.slice(0, -1)],
  ["is empty", () => new Uint8Array()],
])("a blob that %s in the store is corrupt", async (_case, damage) => {
  const store = createMemoryObjectStore();
  const { ref } = await createBlobs(store).put("an answer that was paid for");
  const key = await onlyKey(store);
  await store.put(key, damage((await store.get(key))!));
  await expect(createBlobs(store).get(ref)).rejects.toMatchObject({ name: "BlobCorrupt" });
});

test("a blob that was repaired is read again", async () => {
  const store = createMemoryObjectStore();
  const { ref } = await createBlobs(store).put("content");
  const key = await onlyKey(store);
  const blobs = createBlobs(store);
  await store.put(key, new TextEncoder().encode("damaged"));
  await expect(blobs.get(ref)).rejects.toMatchObject({ name: "BlobCorrupt" });
  await store.put(key, new TextEncoder().encode("content"));
  expect(await blobs.getText(ref)).toBe("content");
});

test("a blob that is not there is an error that names it and the store", async () => {
  const blobs = createBlobs(createMemoryObjectStore());
  await expect(blobs.get(NOWHERE)).rejects.toMatchObject({
    name: "BlobMissing",
    message: `the blob ${NOWHERE} is not in memory`,
  });
});

test.each(["sha256:abc", "../../etc/passwd", `sha256:${"A".repeat(64)}`, `md5:${"0".repeat(64)}`])(
  "%j is no address: no store is asked",
  async (ref) => {
    const store = createCountingStore();
    await expect(createBlobs(store).get(ref as BlobAddress)).rejects.toMatchObject({ name: "BlobMissing" });
    expect(store.calls).toEqual([]);
  },
);

test("a blob that is no JSON is an error that names it where JSON is asked for", async () => {
  const blobs = createBlobs(createMemoryObjectStore());
  const { ref } = await blobs.put("plain text");
  await expect(blobs.getJson(ref)).rejects.toMatchObject({
    name: "BlobCorrupt",
    message: expect.stringContaining(ref),
  });
});

test("a store that is away says so to whoever reads or writes, and nothing is taken for stored", async () => {
  const store = createCountingStore();
  const blobs = createBlobs(store);
  const away = async () => await Promise.reject(new StoreUnavailable("the network is down"));
  store.intercept("putIfAbsent", away);
  store.intercept("get", away);
  await expect(blobs.put("content")).rejects.toMatchObject({ name: "StoreUnavailable" });
  await expect(blobs.getText(addressOf("content"))).rejects.toMatchObject({ name: "StoreUnavailable" });
  store.intercept("putIfAbsent", undefined);
  await blobs.put("content");
  expect(await store.list("blobs/")).toHaveLength(1);
});

test("what a worker has read or written it reads from memory", async () => {
  const store = createCountingStore();
  const writer = createBlobs(store);
  const { ref } = await writer.putJson({ large: true });
  await writer.get(ref);
  const reader = createBlobs(store);
  const first = await reader.getJson(ref);
  expect(await reader.getJson(ref)).toBe(first);
  await reader.getText(ref);
  expect(store.calls.map((call) => call.split(" ")[0])).toEqual(["putIfAbsent", "get"]);
});

test("what the caller does to its bytes afterwards does not change what this worker reads", async () => {
  const blobs = createBlobs(createMemoryObjectStore());
  const mine = Buffer.from("mine");
  const { ref } = await blobs.put(mine);
  mine.fill(0);
  expect(await blobs.getText(ref)).toBe("mine");
});

test("memory is bounded: what was used last is kept, and a blob above the bound is not kept at all", async () => {
  const store = createCountingStore();
  const blobs = createBlobs(store, { cacheBytes: 10_000 });
  const refs: BlobAddress[] = [];
  for (let n = 0; n < 20; n += 1) refs.push((await blobs.put(`${n}`.padEnd(1_000, "x"))).ref);
  const { ref: large } = await blobs.put("y".repeat(20_000));
  const readsOf = async (read: Blobs, ref: BlobAddress) => {
    const before = store.calls.length;
    await read.get(ref);
    return store.calls.length - before;
  };
  expect(await readsOf(blobs, refs[19]!)).toBe(0);
  expect(await readsOf(blobs, refs[0]!)).toBe(1);
  expect(await readsOf(blobs, large)).toBe(1);
  expect(await readsOf(blobs, large)).toBe(1);
});

test("writing again what was just written asks no store", async () => {
  const store = createCountingStore();
  const blobs = createBlobs(store);
  await blobs.put("definition");
  await blobs.put("definition");
  expect(store.calls).toHaveLength(1);
});

test("a store that was emptied beside a worker gets what is put again after a minute, whatever the worker remembers", async () => {
  let time = 0;
  const store = createMemoryObjectStore();
  const blobs = createBlobs(store, { nowMs: () => time });
  const { ref } = await blobs.put("definition");
  await store.delete(await onlyKey(store));
  time = 61_000;
  await blobs.put("definition");
  expect(await createBlobs(store).getText(ref)).toBe("definition");
});

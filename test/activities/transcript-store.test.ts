import { expect, test } from "@jest/globals";
import { createBlobs } from "../../activities/blobs.js";
import { createTranscripts, type Transcripts } from "../../activities/transcript-store.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import { addressOf } from "../../core/digest.js";
import { promptBytes } from "../../core/input-bound.js";
import { type BlobAddress, type Message, trailDepths } from "../../core/transcript.js";
import type { ObjectStore } from "../../ports/object-store.js";
import { createCountingStore } from "../harness/counting-store.js";

function over(store: ObjectStore): Transcripts {
  return createTranscripts(createBlobs(store));
}

const user = (turn: number, text = `question ${turn}`): Message => ({ role: "user", text, turn });
const assistant = (turn: number, text = `answer ${turn}`): Message => ({ role: "assistant", text, turn });

/** A transcript of so many turns, one node each. */
async function grow(transcripts: Transcripts, turns: number, from: BlobAddress | null = null, first = 1) {
  let head = from;
  const heads: BlobAddress[] = [];
  for (let turn = first; turn < first + turns; turn += 1) {
    head = (await transcripts.append(head, [user(turn), assistant(turn)])).head;
    heads.push(head);
  }
  return heads;
}

const messagesOf = (turns: number) => Array.from({ length: turns }, (_, n) => [user(n + 1), assistant(n + 1)]).flat();

function keyOf(ref: BlobAddress): string {
  return `blobs/${ref.slice(7, 9)}/${ref.slice(9)}`;
}

test("what was appended is loaded in order, by another worker too", async () => {
  const store = createMemoryObjectStore();
  const heads = await grow(over(store), 20);
  expect(await over(store).load(heads[19]!)).toEqual(messagesOf(20));
  expect(await over(store).load(heads[4]!)).toEqual(messagesOf(5));
});

test("an append costs one blob of the size of what is new, however long the transcript is", async () => {
  const store = createCountingStore();
  const transcripts = over(store);
  const [head] = (await grow(transcripts, 300)).slice(-1);
  expect(store.calls).toHaveLength(300);
  expect(store.calls.every((call) => call.startsWith("putIfAbsent"))).toBe(true);
  const sizes: number[] = [];
  for (const call of [...store.calls]) sizes.push((await store.get(call.split(" ")[1]!))!.length);
  const plain = sizes[0]!;
  expect(Math.max(...sizes)).toBeLessThan(plain + 200 + 24 * 75);
  expect(sizes.reduce((sum, size) => sum + size, 0) / 300).toBeLessThan(plain + 200);
  expect(await transcripts.append(head!, [user(301)])).toMatchObject({ depth: 301 });
});

test("sizes are told without loading: of the new messages as prompts, added to what was before", async () => {
  const store = createMemoryObjectStore();
  const first = await over(store).append(null, [user(1, "é😀")]);
  const second = await over(store).append(first.head, [assistant(1), user(2)]);
  const bytes = [[user(1, "é😀")], [assistant(1), user(2)]].map((messages) => promptBytes(messages));
  expect(first).toMatchObject({ depth: 1, bytes: bytes[0] });
  expect(second).toMatchObject({ depth: 2, bytes: bytes[0]! + bytes[1]! });
});

test("appending again, as a retry does, makes nothing new", async () => {
  const store = createMemoryObjectStore();
  const first = await over(store).append(null, [user(1)]);
  const again = await over(store).append(null, [user(1)]);
  expect(again).toEqual(first);
  expect(await store.list("blobs/")).toHaveLength(1);
});

test("a fork shares what was before it, and equal beginnings of two runs are stored once", async () => {
  const store = createMemoryObjectStore();
  const heads = await grow(over(store), 10);
  const fork = await over(store).append(heads[4]!, [user(6, "another question"), assistant(6)]);
  expect(await store.list("blobs/")).toHaveLength(11);
  expect(await over(store).load(fork.head)).toEqual([...messagesOf(5), user(6, "another question"), assistant(6)]);
  expect(await over(store).load(heads[9]!)).toEqual(messagesOf(10));
  await grow(over(store), 10);
  expect(await store.list("blobs/")).toHaveLength(11);
});

test.each([1, 7, 8, 9, 63, 64, 65, 511, 512, 1_000, 1_023])(
  "a worker that never saw it loads a transcript of %d turns in few rounds of reads, each node once",
  async (turns) => {
    const store = createCountingStore();
    const [head] = (await grow(over(store), turns)).slice(-1);
    const writes = store.calls.length;
    expect(await over(store).load(head!)).toEqual(messagesOf(turns));
    expect(store.calls.length - writes).toBe(turns);
    expect(store.readRounds()).toBeLessThanOrEqual(26);
    if (turns >= 64) expect(store.readsAtOnceMost()).toBeGreaterThanOrEqual(8);
  },
);

test("a worker that never saw it knows what to ask a model after few rounds of reads", async () => {
  const store = createCountingStore();
  const [head] = (await grow(over(store), 500)).slice(-1);
  expect(await over(store).question(head!, [user(501)])).toEqual([...messagesOf(500), user(501)]);
  expect(store.readRounds()).toBeLessThanOrEqual(26);
});

test("a worker that has it in memory loads it without a read, and appends without one", async () => {
  const store = createCountingStore();
  const transcripts = over(store);
  const [head] = (await grow(transcripts, 200)).slice(-1);
  await transcripts.load(head!);
  await grow(transcripts, 100, head!, 201);
  expect(store.calls.filter((call) => call.startsWith("get"))).toEqual([]);
});

test("a transcript larger than a worker's memory is loaded all the same, each node once", async () => {
  const store = createCountingStore();
  const [head] = (await grow(over(store), 100)).slice(-1);
  const writes = store.calls.length;
  const small = createTranscripts(createBlobs(store, { cacheBytes: 2_000 }), { cacheBytes: 2_000 });
  expect(await small.load(head!)).toEqual(messagesOf(100));
  expect(store.calls.length - writes).toBe(100);
});

test("a worker that takes over in the middle appends with a few reads", async () => {
  const store = createCountingStore();
  const [head] = (await grow(over(store), 511)).slice(-1);
  const writes = store.calls.length;
  const appended = await over(store).append(head!, [user(512), assistant(512)]);
  expect(store.calls.length - writes).toBeLessThan(40);
  expect(await over(store).load(appended.head)).toEqual(messagesOf(512));
});

test.each([
  [7, []],
  [8, [7, 6, 5, 4, 3, 2, 1]],
  [16, [15, 14, 13, 12, 11, 10, 9, 8]],
  [64, [63, 62, 61, 60, 59, 58, 57, 56, 48, 40, 32, 24, 16, 8]],
  [128, [127, 126, 125, 124, 123, 122, 121, 120, 112, 104, 96, 88, 80, 72, 64]],
])("the node of depth %d points back to %j", (depth, expected) => {
  expect(trailDepths(depth)).toEqual(expected);
});

test.each([
  [1, 0],
  [3, 2],
  [300, 299],
])("the head of turn %d is found from a later head", async (turn, index) => {
  const store = createMemoryObjectStore();
  const heads = await grow(over(store), 300);
  expect(await over(store).headAtTurn(heads[299]!, turn)).toBe(heads[index]);
});

test("messages without an answer belong to the turn that answers them", async () => {
  const transcripts = over(createMemoryObjectStore());
  const [, second] = await grow(transcripts, 2);
  const said = await transcripts.append(second!, [user(3, "one more thing")]);
  expect(await transcripts.headAtTurn(said.head, 2)).toBe(second);
  expect(await transcripts.headAtTurn(said.head, 3)).toBeNull();
  const answered = await transcripts.append(said.head, [assistant(3)]);
  expect(await transcripts.headAtTurn(answered.head, 3)).toBe(answered.head);
});

test.each([0, 5, -1])("there is no head of turn %d in a transcript that ends with turn 4", async (turn) => {
  const transcripts = over(createMemoryObjectStore());
  const heads = await grow(transcripts, 4);
  expect(await transcripts.headAtTurn(heads[3]!, turn)).toBeNull();
});

test("large texts are given in full, large tool results as their beginning with where the rest is", async () => {
  const blobs = createBlobs(createMemoryObjectStore());
  const transcripts = createTranscripts(blobs);
  const long = await blobs.put("a long text");
  const result = await blobs.put("[1,2,3]");
  const messages: Message[] = [
    { role: "user", text: { ref: long.ref, bytes: long.bytes, preview: "a lo" }, turn: 1 },
    {
      role: "tool",
      toolResults: [
        { id: "a", name: "t", result: { ref: result.ref, bytes: 7, preview: "[1," } },
        { id: "b", name: "t", result: { small: true } },
        { id: "c", name: "t", error: "it broke" },
      ],
      turn: 1,
    },
  ];
  const [text, tool] = await transcripts.question(null, messages);
  expect(text).toEqual({ role: "user", text: "a long text", turn: 1 });
  expect(tool?.toolResults).toEqual([
    {
      id: "a",
      name: "t",
      result: { preview: "[1,", note: "This is the beginning of 7 bytes.", ref: result.ref },
    },
    { id: "b", name: "t", result: { small: true } },
    { id: "c", name: "t", error: "it broke" },
  ]);
  expect(messages[0]?.text).toEqual({ ref: long.ref, bytes: long.bytes, preview: "a lo" });
});

test("a message reads byte for byte the same when it is new, from the worker that wrote it, and from another", async () => {
  const store = createMemoryObjectStore();
  const message: Message = {
    turn: 1,
    toolCalls: [{ name: "t", id: "a", args: { z: 1, a: { y: undefined as never, b: 2 } } }],
    role: "assistant",
    text: "",
  };
  const writer = over(store);
  const { head } = await writer.append(null, [message]);
  const asNew = JSON.stringify(await writer.question(null, [message]));
  const asWritten = JSON.stringify(await writer.question(head, []));
  const other = over(store);
  const asLoaded = JSON.stringify(await other.question(head, []));
  expect(asNew).toBe(asLoaded);
  expect(asWritten).toBe(asLoaded);
});

test("a damaged node is an error that names it, wherever it stands in the chain", async () => {
  const store = createMemoryObjectStore();
  const heads = await grow(over(store), 100);
  for (const damaged of [heads[0]!, heads[41]!, heads[99]!]) {
    const key = keyOf(damaged);
    const bytes = (await store.get(key))!;
    await store.put(
      key,
      bytes.map((byte, n) => (n === 20 ? byte ^ 1 : byte)),
    );
    const refusal = { name: "BlobCorrupt", message: expect.stringContaining(damaged) };
    await expect(over(store).load(heads[99]!)).rejects.toMatchObject(refusal);
    await expect(over(store).headAtTurn(heads[99]!, 1)).rejects.toMatchObject(refusal);
    await store.put(key, bytes);
  }
});

test("a node that is not there is an error that names it, and one chain's fault is no other's", async () => {
  const store = createMemoryObjectStore();
  const heads = await grow(over(store), 50);
  await store.delete(keyOf(heads[30]!));
  await expect(over(store).load(heads[49]!)).rejects.toMatchObject({
    name: "BlobMissing",
    message: expect.stringContaining(heads[30]!),
  });
  expect(await over(store).load(heads[29]!)).toEqual(messagesOf(30));
});

test.each(["plain text", "null", "[]", '{"prev":null}', '{"messages":[],"depth":"1","bytes":2}'])(
  "the blob %j is no transcript",
  async (content) => {
    const store = createMemoryObjectStore();
    const { ref } = await createBlobs(store).put(content);
    expect(ref).toBe(addressOf(content));
    const reads = [async () => await over(store).load(ref), async () => await over(store).append(ref, [user(1)])];
    for (const read of reads) {
      await expect(read()).rejects.toMatchObject({ name: "BlobCorrupt", message: expect.stringContaining(ref) });
    }
  },
);

test("a model reads the view of a compaction and what came after it; people, and forks, everything", async () => {
  const store = createMemoryObjectStore();
  const transcripts = over(store);
  const before = await transcripts.append(null, [user(1, "x".repeat(500)), assistant(1)]);
  const compacted = await transcripts.compact(before.head, [user(1, "in short")]);
  expect(compacted.bytes).toBe(promptBytes([user(1, "in short")]));
  const after = await transcripts.append(compacted.head, [user(2), assistant(2)]);
  expect(after.bytes).toBe(compacted.bytes + promptBytes([user(2), assistant(2)]));
  for (const reader of [transcripts, over(store)]) {
    expect(await reader.view(after.head)).toEqual([user(1, "in short"), user(2), assistant(2)]);
    expect(await reader.view(before.head)).toEqual([user(1, "x".repeat(500)), assistant(1)]);
    expect(await reader.load(after.head)).toEqual([user(1, "x".repeat(500)), assistant(1), user(2), assistant(2)]);
    expect(await reader.headAtTurn(after.head, 1)).toBe(before.head);
    expect(await reader.headAtTurn(after.head, 2)).toBe(after.head);
  }
});

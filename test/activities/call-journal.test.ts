import { expect, test } from "@jest/globals";
import { type CallJournal, createCallJournal } from "../../activities/call-journal.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import { type ObjectStore, StoreUnavailable } from "../../ports/object-store.js";
import { createCountingStore } from "../harness/counting-store.js";

const LEASE_MS = 2_000;
const KEY = "run é/first/1/model-0123";
const never = new AbortController().signal;

/** Journals of several processes over one store, with one clock that only the test moves. */
function world(store: ObjectStore = createMemoryObjectStore()) {
  const clock = { ms: 1_000_000 };
  const process = (): CallJournal =>
    createCallJournal(store, {
      leaseMs: LEASE_MS,
      now: () => clock.ms,
      // Waiting takes its time at once.
      pause: async (ms) => {
        clock.ms += ms;
      },
    });
  return { store, clock, process };
}

test("the first to begin is told to buy, and that it is the first", async () => {
  expect(await world().process().begin(KEY, 1)).toEqual({ kind: "go", attempts: 1 });
});

test("an answer that arrived is never bought again, by nobody and at no time", async () => {
  const { process, clock } = world();
  const first = process();
  await first.begin(KEY, 1);
  expect(await first.answer(KEY, 1, { text: "42" })).toEqual({ stored: true, winner: { text: "42" } });
  const answered = { kind: "answered", attempt: 1, answer: { text: "42" } };
  expect(await process().begin(KEY, 2)).toEqual(answered);
  clock.ms += 30 * 86_400_000;
  expect(await process().begin(KEY, 1)).toEqual(answered);
  expect(await first.begin(KEY, 3)).toEqual(answered);
});

test.each([null, false, 0, "", [], {}])("the answer %j is an answer", async (answer) => {
  const { process } = world();
  const journal = process();
  await journal.begin(KEY, 1);
  await journal.answer(KEY, 1, answer);
  expect(await process().begin(KEY, 2)).toEqual({ kind: "answered", attempt: 1, answer });
  expect(await process().join(KEY, never)).toEqual(answer);
});

test("a successor of a live predecessor waits and gets its answer", async () => {
  const { process } = world();
  const [first, second] = [process(), process()];
  await first.begin(KEY, 1);
  expect(await second.begin(KEY, 2)).toEqual({ kind: "live", by: 1 });
  const joined = second.join(KEY, never);
  await first.answer(KEY, 1, "bought once");
  expect(await joined).toBe("bought once");
});

test.each([
  ["just begun", async () => {}, 0, "live"],
  ["been silent for almost a lease", async () => {}, LEASE_MS - 1, "live"],
  ["been silent for a lease", async () => {}, LEASE_MS, "go"],
  ["ended without an answer", async (journal: CallJournal) => await journal.ended(KEY, 1, "429"), 0, "go"],
  [
    "renewed after its end",
    async (journal: CallJournal) => {
      await journal.ended(KEY, 1, "429");
      await journal.alive(KEY, 1);
    },
    0,
    "go",
  ],
])("a successor of a predecessor that has %s is told accordingly", async (_case, then, ms, kind) => {
  const { process, clock } = world();
  const first = process();
  await first.begin(KEY, 1);
  await then(first);
  clock.ms += ms;
  expect(await process().begin(KEY, 2)).toMatchObject(kind === "go" ? { kind, attempts: 2 } : { kind, by: 1 });
});

test("a predecessor that renews lives as long as it does so, and a lease longer", async () => {
  const { process, clock } = world();
  const first = process();
  await first.begin(KEY, 1);
  for (let beat = 0; beat < 10; beat += 1) {
    clock.ms += 1_500;
    await first.alive(KEY, 1);
    expect(await process().begin(KEY, 2)).toMatchObject({ kind: "live" });
  }
  clock.ms += LEASE_MS;
  expect(await process().begin(KEY, 2)).toEqual({ kind: "go", attempts: 2 });
});

test("whoever waits for a predecessor that dies is told so, and may begin", async () => {
  const { process } = world();
  await process().begin(KEY, 1);
  const second = process();
  expect(await second.join(KEY, never)).toBeUndefined();
  expect(await second.begin(KEY, 2)).toEqual({ kind: "go", attempts: 2 });
});

test("waiting ends when nobody wants the answer any more", async () => {
  const { store } = world();
  const journal = createCallJournal(store);
  await journal.begin(KEY, 1);
  const controller = new AbortController();
  const joined = createCallJournal(store).join(KEY, controller.signal);
  controller.abort();
  expect(await joined).toBeUndefined();
});

test("there is nothing to wait for where nobody has begun", async () => {
  expect(await world().process().join(KEY, never)).toBeUndefined();
});

test("of processes that begin side by side one buys, and the others wait for it", async () => {
  const { process } = world();
  const begun = await Promise.all(Array.from({ length: 20 }, async (_, n) => await process().begin(KEY, n + 1)));
  expect(begun.filter(({ kind }) => kind === "go")).toHaveLength(1);
  expect(begun.filter(({ kind }) => kind === "live")).toHaveLength(19);
});

test("of processes that find the same dead predecessor one buys", async () => {
  const { process, clock } = world();
  await process().begin(KEY, 1);
  clock.ms += LEASE_MS;
  const begun = await Promise.all(Array.from({ length: 20 }, async (_, n) => await process().begin(KEY, n + 2)));
  expect(begun.filter(({ kind }) => kind === "go")).toEqual([{ kind: "go", attempts: 2 }]);
});

test("an answer that comes late is kept beside the one that counts, and both are reported", async () => {
  const { process, clock } = world();
  const [first, second] = [process(), process()];
  await first.begin(KEY, 1);
  clock.ms += LEASE_MS;
  await second.begin(KEY, 2);
  expect(await second.answer(KEY, 2, "second")).toEqual({ stored: true, winner: "second" });
  expect(await first.answer(KEY, 1, "first")).toEqual({ stored: false, winner: "second" });
  expect(await process().begin(KEY, 3)).toEqual({ kind: "answered", attempt: 2, answer: "second" });
  const reported = await process().lateAnswers(KEY);
  expect(reported).toHaveLength(2);
  expect(reported).toEqual(
    expect.arrayContaining([
      { attempt: 2, answer: "second" },
      { attempt: 1, answer: "first" },
    ]),
  );
});

test("a fenced attempt whose answer is there first wins all the same: it was paid for", async () => {
  const { process, clock } = world();
  const [first, second] = [process(), process()];
  await first.begin(KEY, 1);
  clock.ms += LEASE_MS;
  await second.begin(KEY, 2);
  await first.answer(KEY, 1, "first");
  expect(await second.answer(KEY, 2, "second")).toEqual({ stored: false, winner: "first" });
});

test("an attempt that did not hear that its answer was stored asks again, and it is still one answer", async () => {
  const { process } = world();
  const journal = process();
  await journal.begin(KEY, 1);
  await journal.answer(KEY, 1, "answer");
  expect(await journal.answer(KEY, 1, "answer")).toEqual({ stored: true, winner: "answer" });
  expect(await journal.lateAnswers(KEY)).toEqual([{ attempt: 1, answer: "answer" }]);
});

test("two purchases of the same attempt, as a run makes that was reset, are two answers", async () => {
  const { process, clock } = world();
  const [before, after] = [process(), process()];
  await before.begin(KEY, 1);
  clock.ms += LEASE_MS;
  expect(await after.begin(KEY, 1)).toEqual({ kind: "go", attempts: 2 });
  await before.answer(KEY, 1, "before");
  expect(await after.answer(KEY, 1, "after")).toEqual({ stored: false, winner: "before" });
  expect((await after.lateAnswers(KEY)).map(({ answer }) => answer).sort()).toEqual(["after", "before"]);
});

test("calls of different keys know nothing of each other", async () => {
  const { process } = world();
  const journal = process();
  await journal.begin(KEY, 1);
  await journal.answer(KEY, 1, "one");
  expect(await journal.begin(`${KEY}4`, 1)).toEqual({ kind: "go", attempts: 1 });
  expect(await journal.lateAnswers(`${KEY}4`)).toEqual([]);
});

test("a successor whose dead predecessor answers in the last moment buys nothing", async () => {
  const store = createMemoryObjectStore();
  const { process, clock } = world(store);
  const first = process();
  await first.begin(KEY, 1);
  clock.ms += LEASE_MS;
  const racing: ObjectStore = {
    ...store,
    async putIfAbsent(key, value) {
      if (key.endsWith("start-2")) await first.answer(KEY, 1, "in the last moment");
      return await store.putIfAbsent(key, value);
    },
  };
  const second = createCallJournal(racing, { leaseMs: LEASE_MS, now: () => clock.ms });
  expect(await second.begin(KEY, 2)).toEqual({ kind: "answered", attempt: 1, answer: "in the last moment" });
});

test("while an answer waits for a store that is away, its attempt goes on renewing its lease", async () => {
  const store = createCountingStore();
  const { process, clock } = world(store);
  const first = process();
  await first.begin(KEY, 1);
  store.intercept("putIfAbsent", async () => await Promise.reject(new StoreUnavailable("away")));
  await expect(first.answer(KEY, 1, "answer")).rejects.toMatchObject({ name: "StoreUnavailable" });
  store.intercept("putIfAbsent", undefined);
  clock.ms += 1_500;
  await first.alive(KEY, 1);
  clock.ms += 1_500;
  expect(await process().begin(KEY, 2)).toEqual({ kind: "live", by: 1 });
  expect(await first.answer(KEY, 1, "answer")).toEqual({ stored: true, winner: "answer" });
});

test("a predecessor that renewed while a slow store was being read is alive", async () => {
  const store = createMemoryObjectStore();
  const { process, clock } = world(store);
  const first = process();
  await first.begin(KEY, 1);
  clock.ms += 1_500;
  await first.alive(KEY, 1);
  clock.ms += 1_500;
  const slow: ObjectStore = {
    ...store,
    async get(key) {
      const value = await store.get(key);
      if (key.endsWith("alive-1")) {
        // The answer is on its way for longer than the lease has left; meanwhile the predecessor renews in time.
        clock.ms += 400;
        await first.alive(KEY, 1);
        clock.ms += 200;
      }
      return value;
    },
  };
  const second = createCallJournal(slow, { leaseMs: LEASE_MS, now: () => clock.ms });
  expect(await second.begin(KEY, 2)).toEqual({ kind: "live", by: 1 });
});

test("whoever began on a store slower than the lease buys nothing when another has begun meanwhile", async () => {
  const store = createMemoryObjectStore();
  const { process, clock } = world(store);
  const second = process();
  const begunBySecond: unknown[] = [];
  const slow: ObjectStore = {
    ...store,
    async putIfAbsent(key, value) {
      const isMine = await store.putIfAbsent(key, value);
      if (key.endsWith("start-1")) {
        clock.ms += LEASE_MS;
        begunBySecond.push(await second.begin(KEY, 2));
      }
      return isMine;
    },
  };
  const first = createCallJournal(slow, { leaseMs: LEASE_MS, now: () => clock.ms });
  expect(await first.begin(KEY, 1)).toEqual({ kind: "live", by: 2 });
  expect(begunBySecond).toEqual([{ kind: "go", attempts: 2 }]);
});

test("whoever began on a store slower than the lease, and is alone, buys and is alive", async () => {
  const store = createMemoryObjectStore();
  const { process, clock } = world(store);
  const slow: ObjectStore = {
    ...store,
    async putIfAbsent(key, value) {
      clock.ms += LEASE_MS;
      return await store.putIfAbsent(key, value);
    },
  };
  const first = createCallJournal(slow, { leaseMs: LEASE_MS, now: () => clock.ms });
  expect(await first.begin(KEY, 1)).toEqual({ kind: "go", attempts: 1 });
  expect(await process().begin(KEY, 2)).toEqual({ kind: "live", by: 1 });
});

test("a provider that was away for a thousand attempts costs the next one a few reads", async () => {
  const store = createCountingStore();
  const { process } = world(store);
  const journal = process();
  for (let attempt = 1; attempt <= 1_000; attempt += 1) {
    expect(await journal.begin(KEY, attempt)).toEqual({ kind: "go", attempts: attempt });
    await journal.ended(KEY, attempt, "429");
  }
  const before = store.calls.length;
  expect(await process().begin(KEY, 1_001)).toEqual({ kind: "go", attempts: 1_001 });
  expect(store.calls.length - before).toBeLessThan(40);
});

test("what a power cut leaves empty is no sign of life, and no end either", async () => {
  const store = createMemoryObjectStore();
  const { process } = world(store);
  await process().begin(KEY, 1);
  const [start = ""] = await store.list("journal/");
  await store.put(start, new Uint8Array());
  await store.put(start.replace("start-1", "alive-1"), new Uint8Array());
  expect(await process().join(KEY, never)).toBeUndefined();
  expect(await process().begin(KEY, 2)).toEqual({ kind: "go", attempts: 2 });
  expect(await process().begin(KEY, 3)).toEqual({ kind: "live", by: 2 });
});

test("signs of life wait for no disk, answers do", async () => {
  const written: string[] = [];
  const memory = createMemoryObjectStore();
  const note = (key: string, options?: { readonly passing?: boolean }) =>
    written.push(`${key.slice(key.search(/[a-z]+(-\d+)?$/))} ${options?.passing ? "passes" : "stays"}`);
  const store: ObjectStore = {
    ...memory,
    put: async (key, value, options) => {
      note(key, options);
      await memory.put(key, value);
    },
    putIfAbsent: async (key, value, options) => {
      note(key, options);
      return await memory.putIfAbsent(key, value);
    },
  };
  const journal = world(store).process();
  await journal.begin(KEY, 1);
  await journal.alive(KEY, 1);
  await journal.ended(KEY, 1, "429");
  await journal.begin(KEY, 2);
  await journal.answer(KEY, 2, "answer");
  expect(written).toEqual([
    "start-1 passes",
    "alive-1 passes",
    "ended-1 passes",
    "start-1 passes",
    "start-2 passes",
    "answer stays",
  ]);
});

import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import type { ObjectStore } from "../../ports/object-store.js";

/** A store in memory that tells what was asked of it, and how much of that at once. */
export interface CountingStore extends ObjectStore {
  /** `get KEY`, `putIfAbsent KEY`, …, in order. */
  readonly calls: string[];
  /** Rounds of `get`: reads that were under way together count as one. */
  readonly readRounds: () => number;
  readonly readsAtOnceMost: () => number;
  /** Replaces what a call does, until it is taken back with undefined. */
  intercept(name: keyof ObjectStore, instead: ((key: string) => Promise<never>) | undefined): void;
}

export function createCountingStore(store: ObjectStore = createMemoryObjectStore()): CountingStore {
  const calls: string[] = [];
  const instead = new Map<string, (key: string) => Promise<never>>();
  let rounds = 0;
  let most = 0;
  let waiting: (() => void)[] = [];
  /** All reads that begin before the event loop turns are answered together, as if each took the same time. */
  const answeredTogether = async () =>
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length > 1) return;
      setImmediate(() => {
        const round = waiting;
        waiting = [];
        rounds += 1;
        most = Math.max(most, round.length);
        for (const answer of round) answer();
      });
    });
  const counted = async (name: keyof ObjectStore, key: string) => {
    calls.push(`${name} ${key}`);
    await instead.get(name)?.(key);
  };
  return {
    calls,
    readRounds: () => rounds,
    readsAtOnceMost: () => most,
    intercept: (name, work) => void (work ? instead.set(name, work) : instead.delete(name)),
    description: "memory that counts",
    async get(key) {
      await counted("get", key);
      await answeredTogether();
      return await store.get(key);
    },
    async put(key, value) {
      await counted("put", key);
      await store.put(key, value);
    },
    async putIfAbsent(key, value) {
      await counted("putIfAbsent", key);
      return await store.putIfAbsent(key, value);
    },
    async list(prefix) {
      await counted("list", prefix);
      return await store.list(prefix);
    },
    async delete(key) {
      await counted("delete", key);
      await store.delete(key);
    },
  };
}

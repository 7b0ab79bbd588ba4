import { expect, test } from "@jest/globals";
import type { Lock, Locks } from "../../ports/locks.js";
import { eventually } from "../harness/eventually.js";

const LONG = { ttlMs: 60_000 };

/** The promises of ports/locks.ts, for every implementation. `open` makes one where nothing is held. */
export function locksSuite({ open }: { readonly open: () => Promise<Locks> }): void {
  test("of many that ask at once, one has it", async () => {
    const locks = await open();
    const held = await Promise.all(Array.from({ length: 50 }, async () => await locks.acquire("one", LONG)));
    expect(held.filter((lock) => lock !== undefined)).toHaveLength(1);
    expect(await locks.acquire("another", LONG)).toBeDefined();
  });

  test("each holder's fence is larger than that of everybody before", async () => {
    const locks = await open();
    const fences: number[] = [];
    for (let n = 0; n < 20; n += 1) {
      const lock = (await locks.acquire("fenced", LONG)) as Lock;
      fences.push(lock.fence);
      await lock.release();
    }
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
    expect(fences.every(Number.isSafeInteger)).toBe(true);
  });

  test("who does not renew loses it and hears so; who comes late neither renews nor releases what another has", async () => {
    const locks = await open();
    const first = (await locks.acquire("lost", { ttlMs: 30 })) as Lock;
    let second: Lock | undefined;
    await eventually(async () => {
      second = await locks.acquire("lost", LONG);
      expect(second).toBeDefined();
    });
    expect(await first.renew()).toBe(false);
    await first.release();
    expect(await locks.acquire("lost", LONG)).toBeUndefined();
    expect(await second?.renew()).toBe(true);
  });

  test("what is released is free at once", async () => {
    const locks = await open();
    await ((await locks.acquire("free", LONG)) as Lock).release();
    expect(await locks.acquire("free", LONG)).toBeDefined();
  });
}

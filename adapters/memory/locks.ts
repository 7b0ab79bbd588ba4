import type { Locks } from "../../ports/locks.js";

interface Held {
  readonly fence: number;
  readonly untilMs: number;
}

/** Locks of one process. @param now milliseconds that only grow */
export function createMemoryLocks(now: () => number = () => performance.now()): Locks {
  const held = new Map<string, Held>();
  let last = 0;
  return {
    acquire: async (name, { ttlMs }) => {
      const holder = held.get(name);
      if (holder && holder.untilMs > now()) return undefined;
      // The clock, so that fences grow from one process to the next too; in microseconds, as those of Redis.
      last = Math.max(Date.now() * 1_000, last + 1);
      const fence = last;
      const isMine = () => held.get(name)?.fence === fence && (held.get(name)?.untilMs ?? 0) > now();
      const hold = () => held.set(name, { fence, untilMs: now() + ttlMs });
      hold();
      return {
        fence,
        renew: async () => {
          if (!isMine()) return false;
          hold();
          return true;
        },
        release: async () => {
          if (held.get(name)?.fence === fence) held.delete(name);
        },
      };
    },
  };
}

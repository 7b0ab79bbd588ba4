import { ApplicationFailure } from "@temporalio/activity";
import type { Locks } from "../ports/locks.js";

/** A tool's hold on what it declared; renewed three times in this time, in milliseconds. */
const LOCK_MS = 15_000;

/** A tool waits so long for its resource, then its place is free for others for a moment, in milliseconds. */
const LONGEST_WAIT_MS = 60_000;
const LOOK_AGAIN_MS = 250;

/**
 * Does the work while nobody else has the resource.
 * @param work its `fence` is larger than that of everybody before; `lost` aborts where the lock is lost meanwhile
 * @throws ApplicationFailure `ResourceBusy` (retryable: nothing was done)
 */
export async function withResource<T>(
  locks: Locks,
  resource: string,
  signal: AbortSignal,
  work: (fence: number, lost: AbortSignal) => Promise<T>,
): Promise<T> {
  const lock = await acquired(locks, resource, signal);
  const lost = new AbortController();
  const renewing = setInterval(() => {
    void lock.renew().then((isMine) => {
      if (!isMine) lost.abort(new Error(`the lock on ${resource} was lost`));
    });
  }, LOCK_MS / 3);
  try {
    return await work(lock.fence, lost.signal);
  } finally {
    clearInterval(renewing);
    await lock.release();
  }
}

async function acquired(locks: Locks, resource: string, signal: AbortSignal) {
  const until = performance.now() + LONGEST_WAIT_MS;
  for (;;) {
    signal.throwIfAborted();
    const lock = await locks.acquire(resource, { ttlMs: LOCK_MS });
    if (lock) return lock;
    if (performance.now() > until) {
      const message = `${resource} is in use by another tool (or the lock server is away); it is tried again`;
      throw ApplicationFailure.create({ message, type: "ResourceBusy" });
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

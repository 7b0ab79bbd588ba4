import type { Shape } from "./shape.js";
import type { Stood } from "./stood.js";

/** One that nobody has asked for in this time is given up. */
const KEPT_MS = 60_000;
/** Room for code in a sandbox that stands before its code is known. */
export const STANDBY_CODE_BYTES = 64 * 1024;

/**
 * Sandboxes that stand by, with everything set up and nothing in them: an execution of the same shape as one before it
 * takes no time to start. Each is for one execution, as any other is; nothing passes from one to the next.
 */
export interface Standby {
  /** One that stands for this shape, which is the caller's from now on; undefined: there is none, or it died. */
  take(shape: Shape): Promise<Stood | undefined>;
  /** Sets one up for the next execution of this shape, in the place of another shape's where there is no room. */
  prepare(shape: Shape): void;
  /** Gives all of them up. */
  close(): Promise<void>;
}

interface Waiting {
  readonly key: string;
  readonly stood: Promise<Stood | undefined>;
  readonly timer: NodeJS.Timeout;
}

/**
 * @param most how many stand by at the same time
 * @param stand sets one up
 */
export function createStandby(most: number, stand: (shape: Shape, signal: AbortSignal) => Promise<Stood>): Standby {
  const waiting: Waiting[] = [];
  const releases = new Set<Promise<void>>();
  const closed = new AbortController();
  const remove = (one: Waiting): Waiting => {
    clearTimeout(one.timer);
    waiting.splice(waiting.indexOf(one), 1);
    return one;
  };
  const giveUp = (one: Waiting) => {
    const release = remove(one)
      .stood.then(async (stood) => await stood?.release())
      // Nobody asked for it, and nobody hears of it: the next one that is wanted says what is wrong here.
      .catch(() => undefined)
      .finally(() => releases.delete(release));
    releases.add(release);
  };
  return {
    async take(shape) {
      const key = keyOf(shape);
      for (let found = waiting.find((one) => one.key === key); found; found = waiting.find((one) => one.key === key)) {
        const stood = await remove(found).stood;
        if (stood?.standing.isAlive()) {
          stood.standing.idle(false);
          return stood;
        }
        await stood?.release();
      }
      return undefined;
    },
    prepare(shape) {
      if (most === 0 || closed.signal.aborted) return;
      const key = keyOf(shape);
      if (waiting.length >= most) {
        const oldest = waiting.find((one) => one.key !== key);
        if (!oldest) return;
        giveUp(oldest);
      }
      const stood = stand(shape, closed.signal).then(
        (ready) => {
          ready.standing.idle(true);
          return ready;
        },
        // A host that is short of something: the execution that wants one sets it up itself, or says so.
        () => undefined,
      );
      const one: Waiting = { key, stood, timer: setTimeout(() => giveUp(one), KEPT_MS).unref() };
      waiting.push(one);
    },
    async close() {
      closed.abort();
      for (const one of [...waiting]) giveUp(one);
      await Promise.all(releases);
    },
  };
}

function keyOf({ language, limits, hasNetwork }: Shape): string {
  return JSON.stringify([language, hasNetwork, ...Object.entries(limits).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** Hands items from one who has them to one who wants them, a few at a time. */
export interface Queue<T> {
  put(item: T): void;
  /** Resolves with true once there is room for more or nobody wants any, with false after a while without room. */
  room(): Promise<boolean>;
  /** The next item; undefined once the queue has ended, or after this long without one. Throws what `fail` was given. */
  take(patienceMs?: number): Promise<T | undefined>;
  fail(error: Error): void;
  end(): void;
  isEnded(): boolean;
  isEmpty(): boolean;
}

const ROOM = 100;
/** A consumer's heartbeat is due more often than its session ends. In milliseconds. */
const ROOM_PATIENCE_MS = 2_000;

export function createQueue<T>(): Queue<T> {
  const items: T[] = [];
  let waiting = new Set<() => void>();
  let failure: Error | undefined;
  let isOver = false;
  const wake = () => {
    const woken = waiting;
    waiting = new Set();
    for (const one of woken) one();
  };
  const change = async (patienceMs: number | undefined): Promise<boolean> =>
    await new Promise((resolve) => {
      const timer = patienceMs === undefined ? undefined : setTimeout(() => settle(false), patienceMs);
      const settle = (changed: boolean) => {
        clearTimeout(timer);
        waiting.delete(woken);
        resolve(changed);
      };
      const woken = () => settle(true);
      waiting.add(woken);
    });
  return {
    put(item) {
      items.push(item);
      wake();
    },
    async room() {
      if (items.length >= ROOM && !isOver) await change(ROOM_PATIENCE_MS);
      return items.length < ROOM || isOver;
    },
    async take(patienceMs) {
      while (items.length === 0) {
        if (failure) throw failure;
        if (isOver || !(await change(patienceMs))) return undefined;
      }
      if (isOver) return undefined;
      const item = items.shift();
      wake();
      return item;
    },
    fail(error) {
      failure = error;
      wake();
    },
    end() {
      isOver = true;
      wake();
    },
    isEnded: () => isOver,
    isEmpty: () => items.length === 0,
  };
}

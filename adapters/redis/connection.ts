import { Redis, type RedisOptions } from "ioredis";

/** Redis as Wflo uses it: it may be away, slow, full or empty at any time. */
export interface RedisConnection {
  /** What the work gives; undefined where Redis is away, slow or refuses. Never throws. */
  attempt<T>(work: (redis: Redis) => Promise<T>): Promise<T | undefined>;
  /** A connection of its own, for commands that wait; whoever asks for it ends it. */
  waiting(): Redis;
  close(): Promise<void>;
}

export interface RedisConnectionOptions {
  /** `redis://` or `rediss://`. */
  readonly url: string;
  /** Told once when Redis goes away or refuses, and once when it is back. */
  readonly onProblem?: (message: string) => void;
}

/** A command that takes longer is given up, in milliseconds. */
const COMMAND_TIMEOUT_MS = 250;
const CONNECT_TIMEOUT_MS = 1_000;

/** After a time-out nobody else waits for it so long, in milliseconds. */
const LEFT_ALONE_MS = 1_000;

const OPTIONS = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: CONNECT_TIMEOUT_MS,
  retryStrategy: (times: number) => Math.min(5_000, 50 * 2 ** Math.min(times, 7)),
  lazyConnect: true,
} as const satisfies RedisOptions;

/** Connects at once, and again for as long as it is open. */
export function connectRedis({ url, onProblem = () => {} }: RedisConnectionOptions): RedisConnection {
  const redis = new Redis(url, OPTIONS);
  const waiting = new Set<Redis>();
  let isAway = false;
  let leftAloneUntil = 0;
  const tell = (away: boolean, why: string) => {
    if (away === isAway) return;
    isAway = away;
    onProblem(away ? `Redis cannot be used, so each process goes on by itself: ${why}` : "Redis is back");
  };
  redis.on("error", (error: Error) => tell(true, error.message));
  const connected = redis.connect().catch(() => {});
  return {
    async attempt(work) {
      await connected;
      if (redis.status !== "ready" || performance.now() < leftAloneUntil) return undefined;
      try {
        const result = await work(redis);
        tell(false, "");
        return result;
      } catch (error) {
        const { name, message } = error as Error;
        // It answers, if only that it is full or loading.
        if (name !== "ReplyError") leftAloneUntil = performance.now() + LEFT_ALONE_MS;
        tell(true, message);
        return undefined;
      }
    },
    waiting() {
      const own = redis.duplicate({ commandTimeout: 60_000, lazyConnect: false });
      own.on("error", () => {});
      own.once("end", () => waiting.delete(own));
      waiting.add(own);
      return own;
    },
    async close() {
      for (const own of waiting) own.disconnect();
      redis.disconnect();
      await connected;
    },
  };
}

import { setTimeout as wait } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { StreamedToken, TokenEntry, TokenStream } from "../../ports/token-stream.js";
import type { RedisConnection } from "./connection.js";

/** Entries of one workflow that are kept, about; the oldest go. */
const ENTRIES_KEPT = 20_000;

/** A stream that nobody appends to is gone after a day, in seconds. */
const KEPT_S = 24 * 60 * 60;

/** A reader asks again after so long, in milliseconds: then it sees that it has been stopped, or that Redis is back. */
const BLOCK_MS = 1_000;
const AGAIN_MS = 500;
const READ_AT_ONCE = 500;

const POSITION = /^\d{1,15}(-\d{1,15})?$/;

/** Tokens in Redis streams: a position is an entry's id there. */
export function createRedisTokenStream(connection: RedisConnection): TokenStream {
  const closing = new AbortController();
  const writing = new Set<Promise<unknown>>();
  return {
    append(workflowId, entry) {
      const key = keyOf(workflowId);
      const write = connection.attempt(async (redis) => {
        const pipeline = redis.pipeline();
        pipeline.xadd(key, "MAXLEN", "~", ENTRIES_KEPT, "*", "entry", JSON.stringify(entry));
        // Once an attempt: most entries need no second command.
        if (entry.seq === 1) pipeline.expire(key, KEPT_S);
        return await pipeline.exec();
      });
      writing.add(write);
      void write.finally(() => writing.delete(write));
    },
    read(workflowId, signal, { from = "now" } = {}) {
      if (from !== "now" && from !== "start" && !POSITION.test(from)) {
        throw new RangeError(`${JSON.stringify(from)} is no position in a stream of tokens`);
      }
      const key = keyOf(workflowId);
      // Asked before anything that is appended after this call: commands of one connection keep their order.
      const after = from === "now" ? lastId(connection, key) : Promise.resolve(from === "start" ? "0" : from);
      return entriesAfter(connection, key, after, AbortSignal.any([signal, closing.signal]));
    },
    async close() {
      closing.abort();
      await Promise.all(writing);
    },
  };
}

async function lastId(connection: RedisConnection, key: string): Promise<string> {
  const beganAt = Date.now();
  const last = await connection.attempt(async (redis) => await redis.xrevrange(key, "+", "-", "COUNT", 1));
  // Redis is away: what comes from now on has an id of this time or a later one.
  if (last === undefined) return `${beganAt}-0`;
  return last[0]?.[0] ?? "0";
}

async function* entriesAfter(
  connection: RedisConnection,
  key: string,
  after: Promise<string>,
  signal: AbortSignal,
): AsyncGenerator<StreamedToken> {
  if (signal.aborted) return;
  let position = await after;
  const redis = connection.waiting();
  const stop = () => redis.disconnect();
  signal.addEventListener("abort", stop);
  try {
    while (!signal.aborted) {
      const found = await readAfter(redis, key, position, signal);
      for (const [id, [, text = "{}"]] of found) {
        if (signal.aborted) return;
        position = id;
        yield { ...(JSON.parse(text) as TokenEntry), position: id };
      }
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

/** What comes within a moment; nothing where Redis is away. */
async function readAfter(redis: Redis, key: string, position: string, signal: AbortSignal) {
  try {
    if (redis.status !== "ready") throw new Error("not connected");
    const read = await redis.xread("COUNT", READ_AT_ONCE, "BLOCK", BLOCK_MS, "STREAMS", key, position);
    return read?.[0]?.[1] ?? [];
  } catch {
    if (redis.status === "ready") await wait(AGAIN_MS, undefined, { signal }).catch(() => {});
    else await connected(redis, signal);
    return [];
  }
}

async function connected(redis: Redis, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      redis.off("ready", done);
      redis.off("end", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    redis.once("ready", done);
    redis.once("end", done);
    signal.addEventListener("abort", done);
  });
}

function keyOf(workflowId: string): string {
  return `wflo:tokens:${workflowId}`;
}

import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { createMemoryRateLimiter } from "../adapters/memory/rate-limiter.js";
import { connectRedis } from "../adapters/redis/connection.js";
import { createRedisLocks } from "../adapters/redis/locks.js";
import { createRedisRateLimiter } from "../adapters/redis/rate-limiter.js";
import { createRedisResponseCache } from "../adapters/redis/response-cache.js";
import { findTestParts } from "../test/harness/parts.js";
import { startRedisServer } from "../test/harness/redis-server.js";
import { median } from "./measure.js";

/* What our use of Redis costs beside bare ioredis on the same server: one after the other in each round. */

const TIMES = 2_000;
const AT_ONCE = 50;

/** Prints the figures of cache, limiter and locks, where there is a Redis server. */
export async function reportRedis(rounds: number): Promise<void> {
  const { redis: part } = await findTestParts({ make: false, report: (line) => console.error(line) });
  if ("missing" in part) {
    console.log(`\nRedis: not measured (${part.missing})`);
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), "wflo-bench-redis-"));
  const server = await startRedisServer(part.path, folder);
  const bare = new Redis(server.url);
  const connection = connectRedis({ url: server.url });
  try {
    await measureAll(rounds, bare, connection);
  } finally {
    bare.disconnect();
    await connection.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureAll(rounds: number, bare: Redis, connection: ReturnType<typeof connectRedis>): Promise<void> {
  const cache = createRedisResponseCache(connection);
  const limiter = createRedisRateLimiter(connection, createMemoryRateLimiter());
  const locks = createRedisLocks(connection);
  const answer = JSON.stringify({ text: "x".repeat(2_000) });
  const look = await cache.look("bench");
  await cache.keep("bench", look.kind === "claimed" ? look.claim : "", answer, 600_000);
  await bare.set("bench", answer);
  const draws = [
    { name: "openai:requests", perMinute: 1_000_000_000, amount: 1 },
    { name: "openai:tokens", perMinute: 1_000_000_000, amount: 1_000 },
  ];
  const kinds: [string, () => Promise<unknown>][] = [
    ["bare: GET of 2 KB", async () => await bare.get("bench")],
    ["cache: a hit of 2 KB", async () => await cache.look("bench")],
    ["bare: INCR", async () => await bare.incr("count")],
    ["limiter: two buckets", async () => await limiter.take(draws)],
    ["bare: SET NX PX and DEL", async () => await setAndDelete(bare, `bare-${randomUUID()}`)],
    ["lock: acquire and release", async () => await (await locks.acquire(randomUUID(), { ttlMs: 5_000 }))?.release()],
  ];
  const alone = new Map<string, number[]>();
  const together = new Map<string, number[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, once] of kinds) {
      alone.set(name, [...(alone.get(name) ?? []), (await timed(once, 1)) / TIMES]);
      together.set(name, [...(together.get(name) ?? []), (TIMES * 1_000) / (await timed(once, AT_ONCE))]);
    }
  }
  console.log(`\nRedis: milliseconds alone, and times a second with ${AT_ONCE} at once`);
  for (const [name] of kinds) {
    const ms = median(alone.get(name) ?? []).toFixed(3);
    console.log(
      `${name.padEnd(28)}${ms.padStart(10)}${median(together.get(name) ?? [])
        .toFixed(0)
        .padStart(10)}`,
    );
  }
}

async function setAndDelete(redis: Redis, key: string): Promise<void> {
  await redis.set(key, "1", "PX", 5_000, "NX");
  await redis.del(key);
}

/** Milliseconds of so many times, so many of them at once. */
async function timed(once: () => Promise<unknown>, atOnce: number): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let n = 0; n < TIMES / atOnce; n += 1) await once();
    }),
  );
  return performance.now() - startedAt;
}

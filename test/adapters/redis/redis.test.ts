import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { createMemoryRateLimiter } from "../../../adapters/memory/rate-limiter.js";
import { connectRedis, type RedisConnection } from "../../../adapters/redis/connection.js";
import { createRedisLocks } from "../../../adapters/redis/locks.js";
import { createRedisRateLimiter } from "../../../adapters/redis/rate-limiter.js";
import { createRedisResponseCache } from "../../../adapters/redis/response-cache.js";
import { createRedisTokenStream } from "../../../adapters/redis/token-stream.js";
import type { Lock } from "../../../ports/locks.js";
import { freePort } from "../../../workers/free-port.js";
import { eventually } from "../../harness/eventually.js";
import { temporaryFolders } from "../../harness/folder.js";
import { describeWith } from "../../harness/real-part.js";
import { type RedisServer, startRedisServer } from "../../harness/redis-server.js";
import { locksSuite } from "../../ports/locks.suite.js";
import { rateLimiterSuite } from "../../ports/rate-limiter.suite.js";
import { responseCacheSuite } from "../../ports/response-cache.suite.js";
import { appendAll, tokenStreamSuite } from "../../ports/token-stream.suite.js";

const folder = temporaryFolders();
const opened: RedisConnection[] = [];
afterEach(async () => {
  for (const connection of opened.splice(0)) await connection.close();
});

function connect(url: string, onProblem?: (message: string) => void): RedisConnection {
  const connection = connectRedis({ url, ...(onProblem ? { onProblem } : {}) });
  opened.push(connection);
  return connection;
}

describeWith("redis", (program) => {
  let server: RedisServer;
  let admin: Redis;
  beforeAll(async () => {
    server = await startRedisServer(program, await folder());
    admin = new Redis(server.url);
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });
  /** An empty Redis. */
  const fresh = async () => {
    await admin.flushall();
    return connect(server.url);
  };

  describe("answers in Redis", () => responseCacheSuite({ open: async () => createRedisResponseCache(await fresh()) }));
  describe("limits in Redis", () =>
    rateLimiterSuite({ open: async () => createRedisRateLimiter(await fresh(), createMemoryRateLimiter()) }));
  describe("locks in Redis", () => locksSuite({ open: async () => createRedisLocks(await fresh()) }));
  describe("tokens in Redis", () => tokenStreamSuite({ open: async () => createRedisTokenStream(await fresh()) }));

  test("fences grow on after Redis has lost everything", async () => {
    const locks = createRedisLocks(await fresh());
    const before = (await locks.acquire("crm", { ttlMs: 60_000 })) as Lock;
    await admin.flushall();
    const after = (await locks.acquire("crm", { ttlMs: 60_000 })) as Lock;
    expect(after.fence).toBeGreaterThan(before.fence);
    expect(await before.renew()).toBe(false);
  });

  test("scripts are there again where Redis has forgotten them", async () => {
    const locks = createRedisLocks(await fresh());
    await ((await locks.acquire("a", { ttlMs: 60_000 })) as Lock).release();
    await admin.script("FLUSH");
    expect(await locks.acquire("a", { ttlMs: 60_000 })).toBeDefined();
  });

  test("a full Redis gives what it has, and takes nothing; nobody waits or fails", async () => {
    const cache = createRedisResponseCache(await fresh());
    const look = await cache.look("kept");
    await cache.keep("kept", look.kind === "claimed" ? look.claim : "", "answer", 60_000);
    await admin.config("SET", "maxmemory", "1");
    try {
      expect(await cache.look("other")).toEqual({ kind: "away" });
      const locks = createRedisLocks(connect(server.url));
      expect(await locks.acquire("crm", { ttlMs: 1_000 })).toBeUndefined();
      const limiter = createRedisRateLimiter(connect(server.url), createMemoryRateLimiter());
      expect(await limiter.take([{ name: "x", perMinute: 1, amount: 1 }])).toEqual({ ok: true });
      expect(await limiter.take([{ name: "x", perMinute: 1, amount: 1 }])).toMatchObject({ ok: false });
    } finally {
      await admin.config("SET", "maxmemory", "0");
    }
    expect(await cache.look("kept")).toMatchObject({ kind: "hit" });
  });

  test("a Redis that hangs holds nobody up, is told of once, and is used again when it answers", async () => {
    const told: string[] = [];
    await admin.flushall();
    const cache = createRedisResponseCache(connect(server.url, (message) => told.push(message)));
    expect(await cache.look("a")).toMatchObject({ kind: "claimed" });
    process.kill(server.pid, "SIGSTOP");
    try {
      for (let n = 0; n < 20; n += 1) expect(await cache.look("b")).toEqual({ kind: "away" });
    } finally {
      process.kill(server.pid, "SIGCONT");
    }
    await eventually(async () => expect((await cache.look("c")).kind).not.toBe("away"));
    expect(told).toEqual([expect.stringContaining("cannot be used"), "Redis is back"]);
  });

  test("a Redis that is killed and comes back empty is used again; readers of tokens go on", async () => {
    const own = await startRedisServer(program, await folder());
    const connection = connect(own.url);
    const stream = createRedisTokenStream(connection);
    const cache = createRedisResponseCache(connection);
    const locks = createRedisLocks(connection);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { seq } of stream.read("run", new AbortController().signal)) seen.push(seq);
    })();
    appendAll(stream, "run", 1, 2);
    const lock = (await locks.acquire("crm", { ttlMs: 60_000 })) as Lock;
    await eventually(() => expect(seen).toEqual([1, 2]));
    await own.stop("SIGKILL");
    expect(await cache.look("a")).toEqual({ kind: "away" });
    expect(await lock.renew()).toBe(false);
    appendAll(stream, "run", 3, 3);
    await own.restart();
    await eventually(async () => expect(await cache.look("a")).toMatchObject({ kind: "claimed" }));
    appendAll(stream, "run", 4, 5);
    await eventually(() => expect(seen).toEqual([1, 2, 4, 5]));
    await stream.close();
    await reading;
    await own.stop();
  });

  test("a Redis that was not there at the start is used once it is", async () => {
    const port = await freePort();
    const cache = createRedisResponseCache(connect(`redis://127.0.0.1:${port}`));
    expect(await cache.look("a")).toEqual({ kind: "away" });
    const own = await startRedisServer(program, await folder(), { port });
    await eventually(async () => expect(await cache.look("a")).toMatchObject({ kind: "claimed" }));
    await own.stop();
  });

  test("a Redis that is restored from an old snapshot: answers are old ones, fences still grow, limits hold from there", async () => {
    const own = await startRedisServer(program, await folder());
    const connection = connect(own.url);
    const locks = createRedisLocks(connection);
    const limiter = createRedisRateLimiter(connection, createMemoryRateLimiter());
    const bucket = { name: "openai:requests", perMinute: 2, amount: 1 };
    const first = (await locks.acquire("crm", { ttlMs: 60_000 })) as Lock;
    await first.release();
    await limiter.take([bucket]);
    await connection.attempt(async (redis) => await redis.save());
    const second = (await locks.acquire("crm", { ttlMs: 60_000 })) as Lock;
    await limiter.take([bucket]);
    await own.stop("SIGKILL");
    await own.restart();
    await eventually(async () => expect(await connection.attempt(async (redis) => await redis.ping())).toBe("PONG"));
    expect([await limiter.take([bucket]), (await limiter.take([bucket])).ok]).toEqual([{ ok: true }, false]);
    const third = (await locks.acquire("crm", { ttlMs: 60_000 })) as Lock;
    expect([second.fence > first.fence, third.fence > second.fence]).toEqual([true, true]);
    expect(await second.renew()).toBe(false);
    await own.stop();
  });
});

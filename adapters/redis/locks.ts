import { randomUUID } from "node:crypto";
import type { Lock, Locks } from "../../ports/locks.js";
import type { RedisConnection } from "./connection.js";
import { DELETE_OWN, RENEW_OWN } from "./owned-key.js";
import { script } from "./script.js";

/** The fence is the server's clock or one more than the last: it grows, also after Redis has lost everything. */
const ACQUIRE = script(`
  if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local fence = math.max(now, (tonumber(redis.call('GET', KEYS[2])) or 0) + 1)
  redis.call('SET', KEYS[2], string.format('%.0f', fence), 'PX', 86400000)
  return string.format('%.0f', fence)
`);

/** Locks that processes share. While Redis is away nobody gets one. */
export function createRedisLocks(connection: RedisConnection): Locks {
  return {
    async acquire(name, { ttlMs }) {
      const holder = randomUUID();
      const [lock, last] = [`wflo:lock:{${name}}`, `wflo:lock:{${name}}:fence`];
      const fence = Number(
        await connection.attempt(async (redis) => await ACQUIRE(redis, [lock, last], [holder, ttlMs])),
      );
      if (!(fence > 0)) return undefined;
      return {
        fence,
        async renew() {
          return (await connection.attempt(async (redis) => await RENEW_OWN(redis, [lock], [holder, ttlMs]))) === 1;
        },
        async release() {
          await connection.attempt(async (redis) => await DELETE_OWN(redis, [lock], [holder]));
        },
      } satisfies Lock;
    },
  };
}

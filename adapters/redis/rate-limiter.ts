import type { Drawn, RateLimiter } from "../../ports/rate-limiter.js";
import type { RedisConnection } from "./connection.js";
import { script } from "./script.js";

/*
 * A bucket is what it held (thousandths, so that Lua's numbers stay whole) and when, by the server's clock: processes whose
 * clocks differ share it. A clock that went back fills nothing.
 */
const LEVEL = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local function level(key, perMinute)
    local kept = redis.call('HMGET', key, 'level', 'at')
    if not kept[1] then return perMinute * 1000 end
    local gained = math.max(0, now - kept[2]) * perMinute / 60
    return math.min(perMinute * 1000, kept[1] + gained)
  end
  local function keep(key, value)
    redis.call('HSET', key, 'level', value, 'at', now)
    redis.call('PEXPIRE', key, 600000)
  end
`;

const TAKE = script(`${LEVEL}
  local wait = 0
  local levels = {}
  for i, key in ipairs(KEYS) do
    local perMinute, amount = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    levels[i] = level(key, perMinute)
    local missing = math.min(amount, perMinute) * 1000 - levels[i]
    if missing > 0 then wait = math.max(wait, math.ceil(missing * 60 / perMinute)) end
  end
  if wait > 0 then return wait end
  for i, key in ipairs(KEYS) do keep(key, levels[i] - ARGV[2 * i] * 1000) end
  return 0
`);

const SETTLE = script(`${LEVEL}
  local perMinute = tonumber(ARGV[1])
  keep(KEYS[1], math.min(perMinute * 1000, level(KEYS[1], perMinute) - ARGV[2] * 1000))
  return 0
`);

/** @param own what each process does by itself while Redis is away */
export function createRedisRateLimiter(connection: RedisConnection, own: RateLimiter): RateLimiter {
  return {
    async take(draws) {
      if (draws.length === 0) return { ok: true };
      const keys = draws.map(({ name }) => keyOf(name));
      const args = draws.flatMap(({ perMinute, amount }) => [perMinute, amount]);
      const waitMs = await connection.attempt(async (redis) => Number(await TAKE(redis, keys, args)));
      if (waitMs === undefined) return await own.take(draws);
      return waitMs > 0 ? { ok: false, retryAfterMs: waitMs } : ({ ok: true } satisfies Drawn);
    },
    async settle(bucket, more) {
      const { name, perMinute } = bucket;
      const done = await connection.attempt(async (redis) => await SETTLE(redis, [keyOf(name)], [perMinute, more]));
      if (done === undefined) await own.settle(bucket, more);
    },
  };
}

/** One tag: the buckets of a call are looked at together, so they are on one shard of a cluster. */
function keyOf(name: string): string {
  return `wflo:rate:{limits}:${name}`;
}

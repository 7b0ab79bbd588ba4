import { randomUUID } from "node:crypto";
import { type CacheLook, CLAIM_MS, jittered, LONGEST_CACHED, type ResponseCache } from "../../ports/response-cache.js";
import type { RedisConnection } from "./connection.js";
import { DELETE_OWN, RENEW_OWN } from "./owned-key.js";
import { script } from "./script.js";

/** The value, or a claim where there is none: in one step, so that of many processes one asks. */
const LOOK = script(`
  local value = redis.call('GET', KEYS[1])
  if value then return {'hit', value} end
  if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return {'claimed'} end
  return {'asked'}
`);

/** Answers in Redis, for all processes that share it. */
export function createRedisResponseCache(
  connection: RedisConnection,
  { longest = LONGEST_CACHED } = {},
): ResponseCache {
  const giveUp = async (key: string, claim: string) => {
    await connection.attempt(async (redis) => await DELETE_OWN(redis, [claimKey(key)], [claim]));
  };
  return {
    async look(key) {
      const claim = randomUUID();
      const keys = [valueKey(key), claimKey(key)];
      const said = (await connection.attempt(async (redis) => await LOOK(redis, keys, [claim, CLAIM_MS]))) as
        | [string, string?]
        | undefined;
      if (!said) return { kind: "away" };
      const [kind, value = ""] = said;
      if (kind === "hit") return { kind, value };
      return kind === "claimed" ? { kind, claim } : ({ kind: "asked" } satisfies CacheLook);
    },
    async renew(key, claim) {
      await connection.attempt(async (redis) => await RENEW_OWN(redis, [claimKey(key)], [claim, CLAIM_MS]));
    },
    async keep(key, claim, value, ttlMs) {
      if (value.length <= longest) {
        await connection.attempt(async (redis) => await redis.set(valueKey(key), value, "PX", jittered(ttlMs)));
      }
      await giveUp(key, claim);
    },
    giveUp,
  };
}

/** Braces: both keys are on one shard of a cluster. */
function valueKey(key: string): string {
  return `wflo:cache:{${key}}`;
}

function claimKey(key: string): string {
  return `wflo:cache:{${key}}:asked`;
}

import { randomUUID } from "node:crypto";
import { LRUCache } from "lru-cache";
import { CLAIM_MS, jittered, LONGEST_CACHED, type ResponseCache } from "../../ports/response-cache.js";

/** All answers together, in characters. */
const SIZE_MAX = 64 * 1024 * 1024;

/** Answers of one process. */
export function createMemoryResponseCache({ longest = LONGEST_CACHED } = {}): ResponseCache {
  const values = new LRUCache<string, string>({ maxSize: SIZE_MAX, sizeCalculation: (value) => value.length + 1 });
  const claims = new LRUCache<string, string>({ max: 10_000, ttl: CLAIM_MS });
  const giveUp = (key: string, claim: string) => {
    if (claims.get(key) === claim) claims.delete(key);
  };
  return {
    look: async (key) => {
      const value = values.get(key);
      if (value !== undefined) return { kind: "hit", value };
      if (claims.get(key) !== undefined) return { kind: "asked" };
      const claim = randomUUID();
      claims.set(key, claim);
      return { kind: "claimed", claim };
    },
    renew: async (key, claim) => {
      if (claims.get(key) === claim) claims.set(key, claim);
    },
    keep: async (key, claim, value, ttlMs) => {
      if (value.length <= longest) values.set(key, value, { ttl: jittered(ttlMs) });
      giveUp(key, claim);
    },
    giveUp: async (key, claim) => giveUp(key, claim),
  };
}

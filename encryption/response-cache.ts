import type { KeyRing } from "../ports/key-ring.js";
import { LONGEST_CACHED, type ResponseCache } from "../ports/response-cache.js";
import { sealText, unsealText } from "./sealed-text.js";

/** What the longest answer takes when it is sealed, in characters: UTF-8 in base64. */
export const LONGEST_SEALED = LONGEST_CACHED * 4 + 1_024;

/** A cache whose answers are sealed; one that cannot be read is as good as none. @param cache that takes {@link LONGEST_SEALED} */
export function encryptedResponseCache(cache: ResponseCache, ring: KeyRing): ResponseCache {
  return {
    ...cache,
    async look(key) {
      const look = await cache.look(key);
      if (look.kind !== "hit") return look;
      try {
        return { kind: "hit", value: await unsealText(ring, look.value, key) };
      } catch {
        return { kind: "away" };
      }
    },
    async keep(key, claim, value, ttlMs) {
      if (value.length > LONGEST_CACHED) await cache.giveUp(key, claim);
      else await cache.keep(key, claim, await sealText(ring, value, key), ttlMs);
    },
  };
}

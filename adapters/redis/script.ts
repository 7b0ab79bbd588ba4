import { createHash } from "node:crypto";
import type { Redis } from "ioredis";

/** A Lua script, sent in full only where Redis does not have it (it was flushed, or is another one). */
export function script(text: string) {
  const sha = createHash("sha1").update(text).digest("hex");
  return async (redis: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> => {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error as Error).message.startsWith("NOSCRIPT")) throw error;
      return await redis.eval(text, keys.length, ...keys, ...args);
    }
  };
}

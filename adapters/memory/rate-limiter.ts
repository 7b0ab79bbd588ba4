import type { Bucket, RateLimiter } from "../../ports/rate-limiter.js";

interface Level {
  readonly value: number;
  readonly atMs: number;
}

/** Token buckets of one process. @param now milliseconds that only grow */
export function createMemoryRateLimiter(now: () => number = () => performance.now()): RateLimiter {
  const levels = new Map<string, Level>();
  const levelOf = ({ name, perMinute }: Bucket): number => {
    const kept = levels.get(name);
    return kept ? Math.min(perMinute, kept.value + ((now() - kept.atMs) * perMinute) / 60_000) : perMinute;
  };
  return {
    take: async (draws) => {
      const waits = draws.map((draw) => {
        const missing = Math.min(draw.amount, draw.perMinute) - levelOf(draw);
        return Math.ceil((missing * 60_000) / draw.perMinute);
      });
      const waitMs = Math.max(0, ...waits);
      if (waitMs > 0) return { ok: false, retryAfterMs: waitMs };
      for (const draw of draws) levels.set(draw.name, { value: levelOf(draw) - draw.amount, atMs: now() });
      return { ok: true };
    },
    settle: async (bucket, more) => {
      const value = Math.min(bucket.perMinute, levelOf(bucket) - more);
      levels.set(bucket.name, { value, atMs: now() });
    },
  };
}

/** Tokens of one model call as the provider counted them. */
export interface Usage {
  /** All input tokens, cached reads and cache writes included. */
  readonly inputTokens: number;
  /** All output tokens, reasoning included. */
  readonly outputTokens: number;
  /** Part of `inputTokens` that was read from the provider's prompt cache. */
  readonly cachedInputTokens: number;
  /** Part of `inputTokens` that was written to the provider's prompt cache. */
  readonly cacheWriteTokens: number;
  /** Part of `cacheWriteTokens` that the provider keeps for an hour, where it has such. */
  readonly cacheWrite1hTokens?: number;
  /** Part of `outputTokens` that the model spent on reasoning. */
  readonly reasoningTokens: number;
}

export const NO_USAGE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
};

const MOST = Number.MAX_SAFE_INTEGER;

/** The sum; each count stops at 2^53 - 1. */
export function addUsage(a: Usage, b: Usage): Usage {
  return eachCount([a, b], (name) => Math.min(MOST, countFromAbove(a[name] ?? 0) + countFromAbove(b[name] ?? 0)));
}

/**
 * A count from outside as a whole number, read from above: a fraction is rounded up, less than nothing is nothing, and
 * what is no number, or more than 2^53 - 1, is 2^53 - 1. What is bought by such a count is never underrated.
 */
export function countFromAbove(count: number): number {
  if (count > 0 && count <= MOST) return Math.ceil(count);
  return count <= 0 ? 0 : MOST;
}

/** Usage as sums can bear it; what is missing is nothing. See {@link countFromAbove}. */
export function usageFromAbove(usage: Usage): Usage {
  return eachCount([usage], (name) => countFromAbove(usage[name] ?? 0));
}

/** @param of what is rare is left out where none of these has it */
function eachCount(of: readonly Usage[], count: (name: keyof Usage) => number): Usage {
  const hasHours = of.some(({ cacheWrite1hTokens }) => cacheWrite1hTokens !== undefined && cacheWrite1hTokens > 0);
  return {
    inputTokens: count("inputTokens"),
    outputTokens: count("outputTokens"),
    cachedInputTokens: count("cachedInputTokens"),
    cacheWriteTokens: count("cacheWriteTokens"),
    ...(hasHours ? { cacheWrite1hTokens: count("cacheWrite1hTokens") } : {}),
    reasoningTokens: count("reasoningTokens"),
  };
}

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
  /** Parts of `inputTokens` and of `outputTokens` that are sound or pictures, where the provider tells them apart. */
  readonly audioInputTokens?: number;
  readonly imageInputTokens?: number;
  readonly audioOutputTokens?: number;
  readonly imageOutputTokens?: number;
  /** Searches in the web that the provider made by itself. */
  readonly webSearches?: number;
}

/** Counts that few calls have: they stand where they are more than nothing. */
export const RARE_COUNTS = [
  "cacheWrite1hTokens",
  "audioInputTokens",
  "imageInputTokens",
  "audioOutputTokens",
  "imageOutputTokens",
  "webSearches",
] as const satisfies readonly (keyof Usage)[];

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

function eachCount(of: readonly Usage[], count: (name: keyof Usage) => number): Usage {
  const rare = RARE_COUNTS.filter((name) => of.some((usage) => countFromAbove(usage[name] ?? 0) > 0));
  return {
    inputTokens: count("inputTokens"),
    outputTokens: count("outputTokens"),
    cachedInputTokens: count("cachedInputTokens"),
    cacheWriteTokens: count("cacheWriteTokens"),
    reasoningTokens: count("reasoningTokens"),
    ...Object.fromEntries(rare.map((name) => [name, count(name)])),
  };
}

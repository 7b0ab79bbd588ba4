import type { LanguageModelV4Usage } from "@ai-sdk/provider";
import type { Usage } from "../../core/usage.js";

/**
 * A provider's count of an answer; undefined where it reported none, or what cannot be.
 * @param empty the answer has nothing, so that no output was counted
 */
export function usageOf({ inputTokens, outputTokens, raw }: LanguageModelV4Usage, empty: boolean): Usage | undefined {
  const [input, output] = [countOf(inputTokens.total), countOf(outputTokens.total)];
  if (!input || output === undefined || (output === 0 && !empty)) return undefined;
  const cached = Math.min(countOf(inputTokens.cacheRead) ?? 0, input);
  const written = Math.min(countOf(inputTokens.cacheWrite) ?? countOf(rawCacheWrite(raw)) ?? 0, input - cached);
  const forHours = Math.min(countOf(rawHourWrite(raw)) ?? 0, written);
  return {
    inputTokens: input,
    outputTokens: output,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    ...(forHours > 0 ? { cacheWrite1hTokens: forHours } : {}),
    reasoningTokens: Math.min(countOf(outputTokens.reasoning) ?? 0, output),
  };
}

/** Chat completions have it here, and the library leaves it out. */
function rawCacheWrite(raw: LanguageModelV4Usage["raw"]): unknown {
  const details = raw?.prompt_tokens_details as { readonly cache_write_tokens?: unknown } | null | undefined;
  return details?.cache_write_tokens;
}

/** Anthropic's split of what was written; the library sums it up. */
function rawHourWrite(raw: LanguageModelV4Usage["raw"]): unknown {
  const creation = raw?.cache_creation as { readonly ephemeral_1h_input_tokens?: unknown } | null | undefined;
  return creation?.ephemeral_1h_input_tokens;
}

function countOf(count: unknown): number | undefined {
  return Number.isSafeInteger(count) && (count as number) >= 0 ? (count as number) : undefined;
}

import type { LanguageModelV4Usage } from "@ai-sdk/provider";
import type { RARE_COUNTS, Usage } from "../../core/usage.js";

/**
 * A provider's count of an answer; undefined where it reported none, or what cannot be.
 * @param empty the answer has nothing, so that no output was counted
 */
export function usageOf({ inputTokens, outputTokens, raw }: LanguageModelV4Usage, empty: boolean): Usage | undefined {
  const [input, output] = [countOf(inputTokens.total), countOf(outputTokens.total)];
  if (!input || output === undefined || (output === 0 && !empty)) return undefined;
  const cached = Math.min(countOf(inputTokens.cacheRead) ?? 0, input);
  const written = Math.min(countOf(inputTokens.cacheWrite) ?? countOf(rawCacheWrite(raw)) ?? 0, input - cached);
  return {
    inputTokens: input,
    outputTokens: output,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    reasoningTokens: Math.min(countOf(outputTokens.reasoning) ?? 0, output),
    ...rareCounts(raw, { input, output, written }),
  };
}

/** Chat completions have it here, and the library leaves it out. */
function rawCacheWrite(raw: LanguageModelV4Usage["raw"]): unknown {
  const details = raw?.prompt_tokens_details as { readonly cache_write_tokens?: unknown } | null | undefined;
  return details?.cache_write_tokens;
}

/** What only the provider's own words tell: each is there where it is more than nothing, and never more than its whole. */
function rareCounts(
  raw: LanguageModelV4Usage["raw"],
  { input, output, written }: { readonly input: number; readonly output: number; readonly written: number },
): Partial<Usage> {
  const own = (raw ?? {}) as RawUsage;
  const counts: [(typeof RARE_COUNTS)[number], unknown, number][] = [
    ["cacheWrite1hTokens", own.cache_creation?.ephemeral_1h_input_tokens, written],
    ["audioInputTokens", own.prompt_tokens_details?.audio_tokens ?? modality(own.promptTokensDetails, "AUDIO"), input],
    ["imageInputTokens", modality(own.promptTokensDetails, "IMAGE"), input],
    [
      "audioOutputTokens",
      own.completion_tokens_details?.audio_tokens ?? modality(own.candidatesTokensDetails, "AUDIO"),
      output,
    ],
    ["imageOutputTokens", modality(own.candidatesTokensDetails, "IMAGE"), output],
    ["webSearches", own.server_tool_use?.web_search_requests, Number.MAX_SAFE_INTEGER],
  ];
  const known = counts.map(([name, count, whole]) => [name, Math.min(countOf(count) ?? 0, whole)] as const);
  return Object.fromEntries(known.filter(([, count]) => count > 0));
}

/** Anthropic splits what was written, and counts searches; chat completions and Gemini tell kinds of tokens apart. */
interface RawUsage {
  readonly cache_creation?: { readonly ephemeral_1h_input_tokens?: unknown } | null;
  readonly server_tool_use?: { readonly web_search_requests?: unknown } | null;
  readonly prompt_tokens_details?: { readonly audio_tokens?: unknown } | null;
  readonly completion_tokens_details?: { readonly audio_tokens?: unknown } | null;
  readonly promptTokensDetails?: unknown;
  readonly candidatesTokensDetails?: unknown;
}

function modality(details: unknown, wanted: string): unknown {
  if (!Array.isArray(details)) return undefined;
  const found = (details as ({ modality?: unknown; tokenCount?: unknown } | null)[]).find(
    (detail) => detail?.modality === wanted,
  );
  return found?.tokenCount;
}

function countOf(count: unknown): number | undefined {
  return Number.isSafeInteger(count) && (count as number) >= 0 ? (count as number) : undefined;
}

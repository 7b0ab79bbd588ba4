/** What a model takes and gives, where we know it. */
export interface ModelLimits {
  /** Tokens of input and output together. */
  readonly contextWindow?: number;
  readonly maxOutputTokens?: number;
  /** Spends part of its output on reasoning. */
  readonly reasoning: boolean;
}

type Row = readonly [contextWindow: number, maxOutputTokens: number, reasoning: boolean];

/**
 * Reviewed on 2026-11-23 against LiteLLM 1.109.1 and the providers' pages. Limits only clamp our own far lower caps, so a
 * model that is not here works too. Prices come from the catalogue; a user's own limits are in WFLO_PRICES.
 */
export const LIMITS: Readonly<Record<string, Row>> = {
  "openai/gpt-4o": [128_000, 16_384, false],
  "openai/gpt-4o-mini": [128_000, 16_384, false],
  "openai/o3": [200_000, 100_000, true],
  "openai/o4-mini": [200_000, 100_000, true],
  "openai/gpt-5": [400_000, 128_000, true],
  "openai/gpt-5-mini": [400_000, 128_000, true],
  "openai/gpt-5.5": [1_050_000, 128_000, true],
  "openai/gpt-6-astra": [1_050_000, 128_000, true],
  "openai/gpt-6-luna": [1_050_000, 128_000, true],
  "openai/gpt-6-sol": [1_050_000, 128_000, true],
  "anthropic/claude-haiku-4-5": [200_000, 64_000, false],
  "anthropic/claude-sonnet-4-5": [200_000, 64_000, false],
  "anthropic/claude-opus-4-5": [200_000, 64_000, false],
  "anthropic/claude-opus-4-8": [1_000_000, 128_000, false],
  "anthropic/claude-sonnet-5": [1_000_000, 128_000, false],
  "anthropic/claude-opus-5": [1_000_000, 128_000, false],
  "anthropic/claude-opus-5-5": [1_000_000, 128_000, false],
  "google/gemini-2.5-pro": [1_048_576, 65_536, true],
  "google/gemini-2.5-flash": [1_048_576, 65_536, true],
  "google/gemini-3.6-flash": [1_048_576, 65_536, true],
  "deepseek/deepseek-v4-pro": [1_000_000, 384_000, true],
};

/** Families whose newer members reason too: OpenAI's o and gpt-5 onwards, Gemini from 2.5 on. */
const REASONING = /^openai\/(o\d|gpt-([5-9]|\d\d))|^google\/gemini-(2\.5|[3-9])/;

/** A dated id (`gpt-5-2025-08-07`) has its model's limits. */
export function limitsOf(model: string): ModelLimits {
  const row = LIMITS[model] ?? LIMITS[model.replace(/-(\d{8}|\d{4}-\d{2}-\d{2}|latest)$/, "")];
  if (!row) return { reasoning: REASONING.test(model) };
  return { contextWindow: row[0], maxOutputTokens: row[1], reasoning: row[2] };
}

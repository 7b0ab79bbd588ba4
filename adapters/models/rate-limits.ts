import { jsonBytes } from "../../core/input-bound.js";
import { ModelCallFailed, type ModelRequest, type Models } from "../../ports/models.js";
import type { Bucket, Draw, RateLimiter } from "../../ports/rate-limiter.js";

/** What a provider allows in a minute, over all processes that share the limiter. */
export interface RateLimits {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
}

/** English has about four bytes a token; what it was in fact is settled with the answer. */
const BYTES_A_TOKEN = 4;

/**
 * Keeps providers' limits: a call above one fails at once, provably not billed, with the time after which there is room, so
 * that no slot waits. Tokens are taken by an estimate of the prompt and settled by the provider's count, output included.
 */
export function withRateLimits(
  models: Models,
  { limiter, limits }: { readonly limiter: RateLimiter; readonly limits: ReadonlyMap<string, RateLimits> },
): Models {
  return {
    ...models,
    async call(request, options) {
      const provider = request.model.split("/", 1)[0] ?? "";
      const limit = limits.get(provider);
      if (!limit) return await models.call(request, options);
      const tokens = bucketOf(provider, "tokens", limit.tokensPerMinute);
      const guess = tokens ? guessTokens(request) : 0;
      const drawn = await limiter.take([
        ...drawOf(bucketOf(provider, "requests", limit.requestsPerMinute), 1),
        ...drawOf(tokens, guess),
      ]);
      if (!drawn.ok) throw overLimit(provider, drawn.retryAfterMs);
      try {
        const answer = await models.call(request, options);
        const { usage } = answer;
        if (tokens && usage) await limiter.settle(tokens, usage.inputTokens + usage.outputTokens - guess);
        return answer;
      } catch (error) {
        const isUnbilled = error instanceof ModelCallFailed && error.billed === "none";
        if (tokens && isUnbilled) await limiter.settle(tokens, -guess);
        throw error;
      }
    },
  };
}

function bucketOf(provider: string, kind: "requests" | "tokens", perMinute: number | undefined): Bucket | undefined {
  return perMinute === undefined ? undefined : { name: `${provider}:${kind}`, perMinute };
}

function drawOf(bucket: Bucket | undefined, amount: number): Draw[] {
  return bucket ? [{ ...bucket, amount }] : [];
}

function guessTokens({ instructions, messages, tools }: ModelRequest): number {
  return Math.ceil(jsonBytes({ instructions, messages, tools }) / BYTES_A_TOKEN);
}

function overLimit(provider: string, retryAfterMs: number): ModelCallFailed {
  const message = `${provider} is at its limit of WFLO_RATE_LIMITS; there is room in ${Math.ceil(retryAfterMs / 1_000)} s`;
  return new ModelCallFailed(message, { kind: "retry", billed: "none", retryAfterMs });
}

import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { canonicalJson } from "../../core/digest.js";
import type { Meters } from "../../ports/meters.js";
import { type ModelAnswer, ModelCallFailed, type ModelRequest, type Models } from "../../ports/models.js";
import { CLAIM_MS, type ResponseCache } from "../../ports/response-cache.js";

/** Who waits for another's answer looks so often, in milliseconds. */
const LOOK_AGAIN_MS = 200;

/**
 * Answers exactly the same question from what was bought before, where a request allows it (`cache`): same model, words, tools,
 * settings and account. Of many that ask at once one buys, and the others wait for its answer. Errors, cut streams and
 * answers without a count are never kept.
 */
export function withResponseCache(
  models: Models,
  { cache, meters }: { readonly cache: ResponseCache; readonly meters: Meters },
): Models {
  const count = (result: string) => meters.count("wflo_model_cache_total", { result });
  return {
    ...models,
    async call(request, options) {
      if (!request.cache) return await models.call(request, options);
      const key = keyOf(request);
      const { ttlMs } = request.cache;
      for (;;) {
        const look = await cache.look(key);
        if (look.kind === "hit") {
          count("hit");
          const answer = JSON.parse(look.value) as ModelAnswer;
          options.onDelta?.(answer.text);
          return { ...answer, fromCache: true };
        }
        if (look.kind === "asked") {
          await wait(LOOK_AGAIN_MS, undefined, { signal: options.signal }).catch(() => {});
          if (options.signal.aborted) {
            throw new ModelCallFailed("cut while it waited for the same question's answer", {
              kind: "cancelled",
              billed: "none",
            });
          }
          continue;
        }
        count(look.kind === "away" ? "away" : "miss");
        if (look.kind === "away") return await models.call(request, options);
        return await buy(cache, { key, claim: look.claim, ttlMs }, async () => await models.call(request, options));
      }
    },
  };
}

interface Claimed {
  readonly key: string;
  readonly claim: string;
  readonly ttlMs: number;
}

async function buy(
  cache: ResponseCache,
  { key, claim, ttlMs }: Claimed,
  ask: () => Promise<ModelAnswer>,
): Promise<ModelAnswer> {
  const renewing = setInterval(() => void cache.renew(key, claim), CLAIM_MS / 3);
  try {
    const answer = await ask();
    if (isWhole(answer)) await cache.keep(key, claim, JSON.stringify(answer), ttlMs);
    else await cache.giveUp(key, claim);
    return answer;
  } catch (error) {
    await cache.giveUp(key, claim);
    throw error;
  } finally {
    clearInterval(renewing);
  }
}

/** Ended by the model itself, and counted. */
function isWhole({ finishReason, usage }: ModelAnswer): boolean {
  return usage !== undefined && (finishReason === "stop" || finishReason === "tool-calls");
}

/** All that the answer may depend on, and whose it is: not what only the run's own books know of a message. */
function keyOf(request: ModelRequest): string {
  const { model, instructions, maxOutputTokens, temperature, cache } = request;
  const messages = request.messages.map(({ role, text, toolCalls, toolResults, by, providerParts }) => {
    return { role, text, toolCalls, toolResults, by, providerParts };
  });
  const tools = request.tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));
  const question = { model, instructions, messages, tools, maxOutputTokens, temperature };
  return createHash("sha256")
    .update(canonicalJson({ question, scope: cache?.scope }))
    .digest("hex");
}

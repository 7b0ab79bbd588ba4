import { picoPerToken } from "../../core/pricing.js";
import { NO_USAGE } from "../../core/usage.js";
import { type ModelAnswer, ModelCallFailed, type ModelRequest, type Models } from "../../ports/models.js";

/** What a test's model says to a request: an answer, or an error to throw. */
export type Say = (request: ModelRequest, signal: AbortSignal) => Promise<Partial<ModelAnswer>> | Partial<ModelAnswer>;

/** One dollar per million tokens, in and out: a token costs 1,000 nano-dollars. */
export const PLAIN_PRICE = { rates: { input: picoPerToken(1), output: picoPerToken(1) } };

/** Models over one function, with the requests that were made; every answer uses 1,000 tokens in and 100 out unless it says. */
export function plainModels(say: Say): Models & { readonly requests: ModelRequest[] } {
  const requests: ModelRequest[] = [];
  return {
    requests,
    facts: async (model) => {
      if (!model.startsWith("plain/"))
        throw new ModelCallFailed(`no provider for ${model}`, { kind: "unknown-model", billed: "none" });
      return { bookedAs: model, price: PLAIN_PRICE, reasoning: false, inputBound: { factor: 1, hidden: 64 } };
    },
    knownBound: async () => ({ inputTokens: 1_000, outputTokens: 100 }),
    call: async (request, { signal }) => {
      requests.push(request);
      const answer = await say(request, signal);
      return {
        text: "",
        toolCalls: [],
        finishReason: answer.toolCalls?.length ? "tool-calls" : "stop",
        usage: { ...NO_USAGE, inputTokens: 1_000, outputTokens: 100 },
        requestId: `req-${requests.length}`,
        ...answer,
      };
    },
  };
}

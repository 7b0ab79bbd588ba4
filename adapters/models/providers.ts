import { ModelCallFailed, type Models } from "../../ports/models.js";
import { limitsOf } from "./limits.js";
import type { PriceTable } from "./price-table.js";
import type { Provider } from "./provider.js";
import { callProvider } from "./provider-call.js";
import type { Environment } from "./provider-settings.js";
import { providersOf } from "./provider-table.js";
import { createConnections } from "./wire.js";

/** What stands before the slash of a real provider's model. */
export const PROVIDER_NAMES = ["anthropic", "google", "openai", "openai-compatible"] as const;

/** A connection on which nothing comes for so long is dead: longer than any model thinks in silence. In milliseconds. */
const LONGEST_SILENCE_MS = 60 * 60_000;

/** The real providers, through the AI SDK's provider packages. */
export function createProviderModels({
  environment,
  prices,
  silenceMs = LONGEST_SILENCE_MS,
}: {
  /** Keys and addresses are read here, once. */
  readonly environment: Environment;
  readonly prices: PriceTable;
  /** A call on whose connection nothing comes for so long has failed, in milliseconds. @default 3_600_000 */
  readonly silenceMs?: number;
}): Models {
  const providers = new Map(providersOf(environment).map((provider) => [provider.name, provider]));
  const connections = createConnections(silenceMs);
  return {
    async facts(model, at) {
      const provider = ready(providers, model);
      const price = prices.price(model, at);
      const { maxOutputTokens = Number.MAX_SAFE_INTEGER } = price ?? {};
      const most = Math.min(maxOutputTokens, provider.mostOutputTokens ?? Number.MAX_SAFE_INTEGER);
      return {
        bookedAs: model,
        ...(price ? { price: most === Number.MAX_SAFE_INTEGER ? price : { ...price, maxOutputTokens: most } } : {}),
        reasoning: limitsOf(model).reasoning,
        inputBound: provider.inputBound,
      };
    },
    async knownBound() {
      return undefined;
    },
    async call(request, options) {
      return await callProvider(ready(providers, request.model), connections, request, options);
    },
  };
}

/** @throws ModelCallFailed before anything is sent */
function ready(providers: ReadonlyMap<string, Provider>, model: string): Provider {
  const slash = model.indexOf("/");
  const provider = providers.get(model.slice(0, slash));
  const problem = provider ? provider.problem : `there is no such provider; known are ${PROVIDER_NAMES.join(", ")}`;
  if (provider && problem === undefined && slash < model.length - 1) return provider;
  const message = `the model ${JSON.stringify(model)} cannot be called: ${problem ?? "its id is missing after the slash"}`;
  throw new ModelCallFailed(message, { kind: "unknown-model", billed: "none" });
}

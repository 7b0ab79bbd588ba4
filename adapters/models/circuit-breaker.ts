import { answered, type Circuit, CLOSED, failed, mayCall, unprobed } from "../../core/circuit.js";
import type { Meters } from "../../ports/meters.js";
import { ModelCallFailed, type Models } from "../../ports/models.js";

/**
 * Asks a provider that does not answer only now and then, over all runs of a process: others go on with their next model
 * at once, or wait without a slot. `scripted` models never break.
 */
export function withCircuitBreaker(
  models: Models,
  { meters, now = Date.now }: { readonly meters: Meters; readonly now?: () => number },
): Models {
  const circuits = new Map<string, Circuit>();
  const set = (provider: string, circuit: Circuit) => {
    const before = circuits.get(provider) ?? CLOSED;
    circuits.set(provider, circuit);
    const isOpen = circuit.openUntilMs > 0;
    if (isOpen !== before.openUntilMs > 0) meters.set("wflo_model_circuit_open", { provider }, isOpen ? 1 : 0);
  };
  return {
    ...models,
    async call(request, options) {
      const provider = request.model.split("/", 1)[0] ?? "";
      if (provider === "scripted") return await models.call(request, options);
      const { circuit, waitMs } = mayCall(circuits.get(provider) ?? CLOSED, now());
      if (waitMs > 0) throw isOpen(provider, circuit, waitMs);
      set(provider, circuit);
      try {
        const answer = await models.call(request, options);
        set(provider, answered());
        return answer;
      } catch (error) {
        set(provider, afterFailure(circuits.get(provider) ?? CLOSED, error, now()));
        throw error;
      }
    },
  };
}

/** A refusal, a rate limit and our own word say nothing against the provider. */
function afterFailure(circuit: Circuit, error: unknown, nowMs: number): Circuit {
  if (!(error instanceof ModelCallFailed) || error.kind === "cancelled") return unprobed(circuit);
  const isDown = error.kind === "retry" && error.status !== 429;
  return isDown ? failed(circuit, nowMs) : answered();
}

function isOpen(provider: string, { failures }: Circuit, waitMs: number): ModelCallFailed {
  const message = `${provider} has failed ${failures} times in a row and is left alone for ${Math.ceil(waitMs / 1_000)} s`;
  return new ModelCallFailed(message, { kind: "retry", billed: "none", retryAfterMs: waitMs, leftAlone: true });
}

import type { Bill } from "../core/activity-contract.js";
import type { RunModel } from "../core/agent.js";
import type { Meters } from "../ports/meters.js";

/** One attempt at a model. */
interface MeteredCall {
  readonly model: RunModel;
  readonly outcome: string;
  readonly seconds: number;
  readonly bill: Bill | undefined;
}

/** Counts one attempt at a model: outcome, seconds, tokens by kind. Its cost is counted where a run books it. */
export function meterCall(meters: Meters, { model, outcome, seconds, bill }: MeteredCall): void {
  const labels = { provider: model.bookedAs.split("/", 1)[0] ?? "", model: model.bookedAs };
  meters.count("wflo_model_calls_total", { ...labels, outcome });
  meters.observe("wflo_model_call_duration_seconds", labels, seconds);
  // Tokens of the cache were counted when they were bought.
  if (!bill || bill.savedNanoUsd !== undefined) return;
  const { usage } = bill;
  const tokens = {
    input: usage.inputTokens,
    output: usage.outputTokens,
    cached_input: usage.cachedInputTokens,
    cache_write: usage.cacheWriteTokens,
    reasoning: usage.reasoningTokens,
  };
  for (const [kind, count] of Object.entries(tokens)) {
    if (count > 0) meters.count("wflo_model_tokens_total", { ...labels, kind }, count);
  }
  if (bill.kind === "unpriced") meters.count("wflo_unpriced_calls_total", labels);
}

import { invariant } from "./invariant.js";
import { addUsd, type NanoUsd, subtractUsd, ZERO_USD } from "./money.js";
import { addUsage, NO_USAGE, type Usage } from "./usage.js";

/** What one model of a run was used for. */
export interface ModelTotals extends Usage {
  readonly calls: number;
  readonly nanoUsd: NanoUsd;
}

export type TotalsByModel = Readonly<Record<string, ModelTotals>>;

/** Models that a run's totals tell apart; the rest are summed as `other`. */
const MODELS_KEPT = 32;

/** One more call of a model. */
export function withCall(
  byModel: TotalsByModel,
  model: string,
  call: { readonly usage?: Usage | undefined; readonly nanoUsd: NanoUsd },
): TotalsByModel {
  const key = keyOf(byModel, model);
  const totals = totalsAt(byModel, key) ?? { ...NO_USAGE, calls: 0, nanoUsd: ZERO_USD };
  const sums = {
    ...addUsage(totals, call.usage ?? NO_USAGE),
    calls: totals.calls + 1,
    nanoUsd: addUsd(totals.nanoUsd, call.nanoUsd),
  };
  return { ...byModel, [key]: sums };
}

/** Takes a call back that was counted without usage: its late answer counts in its place. */
export function withoutCall(byModel: TotalsByModel, model: string, nanoUsd: NanoUsd): TotalsByModel {
  const key = keyOf(byModel, model);
  const totals = totalsAt(byModel, key);
  invariant(totals !== undefined, `${model} has totals`);
  return { ...byModel, [key]: { ...totals, calls: totals.calls - 1, nanoUsd: subtractUsd(totals.nanoUsd, nanoUsd) } };
}

/** Stays the same for a model once it was counted: no key ever goes. */
function keyOf(byModel: TotalsByModel, model: string): string {
  return totalsAt(byModel, model) || Object.keys(byModel).length < MODELS_KEPT ? model : "other";
}

function totalsAt(byModel: TotalsByModel, key: string): ModelTotals | undefined {
  return Object.hasOwn(byModel, key) ? byModel[key] : undefined;
}

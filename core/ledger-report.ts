import { type Ledger, type LedgerEntry, type ModelTotals, spent } from "./ledger.js";
import { addUsd, addUsdToMost, formatUsd, type NanoUsd, subtractUsdToZero } from "./money.js";

/** Answer of the `budget` query. */
export interface BudgetView {
  /** Null: the run has no budget. */
  readonly limitNanoUsd: NanoUsd | null;
  /** Confirmed by the provider's count. */
  readonly spentNanoUsd: NanoUsd;
  readonly reservedNanoUsd: NanoUsd;
  readonly unconfirmedNanoUsd: NanoUsd;
  /** Null where there is no limit. */
  readonly remainingNanoUsd: NanoUsd | null;
  readonly frozen: boolean;
  /** Calls of models without a price, which no amount here has; absent where there are none. */
  readonly unpricedCalls?: number;
  readonly entries: readonly LedgerEntry[];
}

/** The same of a run, with the account that pays. */
export interface RunBudgetView extends BudgetView {
  readonly account?: string;
  /** Held of the account, and not told as spent. */
  readonly leaseNanoUsd?: NanoUsd;
}

/** Answer of the update `reconcile`: the budget, and the attempts that it changed. */
export interface Reconciled extends RunBudgetView {
  readonly reconciled: readonly string[];
}

/** `cost` of a run's result. `nanoUsd` is confirmed plus unconfirmed: never less than what may be on the bill. */
export interface CostReport {
  readonly usd: string;
  readonly nanoUsd: NanoUsd;
  readonly confirmedNanoUsd: NanoUsd;
  readonly unconfirmedNanoUsd: NanoUsd;
  readonly savedNanoUsd: NanoUsd;
  readonly treeNanoUsd: NanoUsd;
  readonly unpricedCalls: number;
  readonly priceBook: string;
  readonly byModel: Readonly<Record<string, ModelTotals>>;
}

export function budgetView(ledger: Ledger): BudgetView {
  const { limitNanoUsd, confirmedNanoUsd, reservedNanoUsd, unconfirmedNanoUsd, unpricedCalls, frozen, entries } =
    ledger;
  const booked = addUsd(spent(ledger), reservedNanoUsd);
  return {
    limitNanoUsd,
    spentNanoUsd: confirmedNanoUsd,
    reservedNanoUsd,
    unconfirmedNanoUsd,
    remainingNanoUsd: limitNanoUsd === null ? null : subtractUsdToZero(limitNanoUsd, booked),
    frozen,
    ...(unpricedCalls > 0 ? { unpricedCalls } : {}),
    entries,
  };
}

export function costOf(ledger: Ledger): CostReport {
  const { confirmedNanoUsd, unconfirmedNanoUsd, savedNanoUsd, unpricedCalls, priceBook, byModel } = ledger;
  const nanoUsd = spent(ledger);
  return {
    usd: formatUsd(nanoUsd),
    nanoUsd,
    confirmedNanoUsd,
    unconfirmedNanoUsd,
    savedNanoUsd,
    treeNanoUsd: addUsdToMost(nanoUsd, ledger.childrenNanoUsd),
    unpricedCalls,
    priceBook,
    byModel,
  };
}

import type { BudgetView } from "../core/ledger-report.js";
import { formatUsd } from "../core/money.js";

/** A run's money on one line. */
export function budgetWords(budget: BudgetView): string {
  const { limitNanoUsd, spentNanoUsd, reservedNanoUsd, unconfirmedNanoUsd, remainingNanoUsd, frozen } = budget;
  return [
    `$${formatUsd(spentNanoUsd)} spent${limitNanoUsd === null ? ", no limit" : ` of $${formatUsd(limitNanoUsd)}`}`,
    ...(unconfirmedNanoUsd > 0 ? [`$${formatUsd(unconfirmedNanoUsd)} unconfirmed`] : []),
    ...(reservedNanoUsd > 0 ? [`$${formatUsd(reservedNanoUsd)} reserved`] : []),
    ...(remainingNanoUsd === null ? [] : [`$${formatUsd(remainingNanoUsd)} left`]),
    ...(frozen ? ["frozen"] : []),
  ].join(", ");
}

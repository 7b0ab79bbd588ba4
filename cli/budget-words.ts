import type { BalanceView } from "../client/index.js";
import type { BudgetView } from "../core/ledger-report.js";
import { formatUsd } from "../core/money.js";
import { table } from "./output.js";

/** A run's money on one line. */
export function budgetWords(budget: BudgetView): string {
  const {
    limitNanoUsd,
    spentNanoUsd,
    reservedNanoUsd,
    unconfirmedNanoUsd,
    remainingNanoUsd,
    unpricedCalls = 0,
    frozen,
  } = budget;
  return [
    `$${formatUsd(spentNanoUsd)} spent${limitNanoUsd === null ? ", no limit" : ` of $${formatUsd(limitNanoUsd)}`}`,
    ...(unconfirmedNanoUsd > 0 ? [`$${formatUsd(unconfirmedNanoUsd)} unconfirmed`] : []),
    ...(reservedNanoUsd > 0 ? [`$${formatUsd(reservedNanoUsd)} reserved`] : []),
    ...(remainingNanoUsd === null ? [] : [`$${formatUsd(remainingNanoUsd)} left`]),
    ...(unpricedCalls > 0 ? [unpricedWords(unpricedCalls)] : []),
    ...(frozen ? ["frozen"] : []),
  ].join(", ");
}

/** What no amount has. */
export function unpricedWords(calls: number): string {
  return calls === 1 ? "1 call has no price" : `${calls} calls have no price`;
}

/** An account's money on one line. */
export function balanceWords(balance: BalanceView): string {
  const { account, limitNanoUsd, spentNanoUsd, leasedNanoUsd, remainingNanoUsd, frozen, parent } = balance;
  return [
    `${account}: $${formatUsd(spentNanoUsd)} spent of $${formatUsd(limitNanoUsd)}${periodWords(balance)}`,
    ...(leasedNanoUsd > 0 ? [`$${formatUsd(leasedNanoUsd)} with runs`] : []),
    `$${formatUsd(remainingNanoUsd)} left`,
    ...(parent === undefined ? [] : [`below ${parent}`]),
    ...(frozen ? ["frozen"] : []),
  ].join(", ");
}

export function balancesTable(balances: readonly BalanceView[]): string {
  return table(
    ["ACCOUNT", "LIMIT", "PER", "SPENT", "WITH RUNS", "LEFT", "HOLDERS", ""],
    balances.map((balance) => [
      balance.account,
      `$${formatUsd(balance.limitNanoUsd)}`,
      balance.period,
      `$${formatUsd(balance.spentNanoUsd)}`,
      `$${formatUsd(balance.leasedNanoUsd)}`,
      `$${formatUsd(balance.remainingNanoUsd)}`,
      balance.holders,
      balance.frozen ? "frozen" : "",
    ]),
  );
}

function periodWords({ period, periodEndsAt }: BalanceView): string {
  return period === "total" ? "" : ` for the ${period} that ends ${periodEndsAt ?? ""}`;
}

import { type HolderTotals, historyOf, type Lease, type LeaseReport, openLease, reportOf } from "./lease.js";
import { type AttemptId, type Ledger, spent } from "./ledger.js";
import { addUsd, type NanoUsd, subtractUsdToZero, ZERO_USD } from "./money.js";

/** What a run remembers of the money that it holds of its account: plain JSON of constant size. */
export interface RunLease {
  readonly lease: Lease;
  /** What the ledger had when the account's period changed, less what came back since. */
  readonly earlierNanoUsd: NanoUsd;
  /** Attempts that were under way then, and what they hold. */
  readonly earlierHolds: Readonly<Record<AttemptId, NanoUsd>>;
  /** Spent as the account has heard it. */
  readonly toldSpentNanoUsd: NanoUsd;
  /** A history that a reset has made went on in this one, with a lease that was not its own. */
  readonly suspect: boolean;
}

/** Temporal's ids of a history: they differ where a reset has made it. */
export interface HistoryName {
  readonly runId: string;
  readonly originalRunId: string;
}

/** A run's lease of an account, still empty. */
export function openRunLease(account: string, { originalRunId }: HistoryName, ledger: Ledger): RunLease {
  return {
    lease: openLease(account, originalRunId, spent(ledger)),
    earlierNanoUsd: ZERO_USD,
    earlierHolds: {},
    toldSpentNanoUsd: ZERO_USD,
    suspect: false,
  };
}

export function runTotals(ledger: Ledger, { earlierNanoUsd }: RunLease): HolderTotals {
  const spentNanoUsd = spent(ledger);
  return { spentNanoUsd, committedNanoUsd: addUsd(spentNanoUsd, ledger.reservedNanoUsd), earlierNanoUsd };
}

/** The account has begun a new period: everything that the run has by now is the earlier one's. */
export function closePeriod(run: RunLease, ledger: Ledger): RunLease {
  const { committedNanoUsd } = runTotals(ledger, run);
  const holds = Object.entries({ ...ledger.holds, ...ledger.awaited }).map(
    ([id, { nanoUsd }]) => [id, nanoUsd] as const,
  );
  return { ...run, earlierNanoUsd: committedNanoUsd, earlierHolds: Object.fromEntries(holds) };
}

/** What attempts of an earlier period turned out not to need: it goes back to that period. To be asked after each booking. */
export function freedEarlier(
  run: RunLease,
  ledger: Ledger,
): { readonly run: RunLease; readonly freedNanoUsd: NanoUsd } {
  let freedNanoUsd = ZERO_USD;
  const earlierHolds: Record<AttemptId, NanoUsd> = {};
  for (const [attempt, held] of Object.entries(run.earlierHolds)) {
    const entry = ledger.entries.findLast((line) => line.attempt === attempt && line.kind !== "reserved");
    const isOpen = Object.hasOwn(ledger.holds, attempt) || Object.hasOwn(ledger.awaited, attempt);
    if (isOpen || !entry) earlierHolds[attempt] = held;
    else freedNanoUsd = addUsd(freedNanoUsd, entry.kind === "released" ? held : subtractUsdToZero(held, entry.nanoUsd));
  }
  if (freedNanoUsd === 0) return { run: { ...run, earlierHolds }, freedNanoUsd };
  const earlierNanoUsd = subtractUsdToZero(run.earlierNanoUsd, freedNanoUsd);
  return { run: { ...run, earlierHolds, earlierNanoUsd }, freedNanoUsd };
}

/** The lease is that of a history which was reset: nothing may be bought under it. */
export function isStale({ lease, suspect }: RunLease, { runId, originalRunId }: HistoryName): boolean {
  return suspect || (runId !== originalRunId && historyOf(lease.leaseId) !== runId);
}

/** The run with the words for its account, of which it remembers what it has said. */
export function runReport(
  run: RunLease,
  ledger: Ledger,
  { workflowId, ...history }: HistoryName & { readonly workflowId: string },
): { readonly run: RunLease; readonly report: LeaseReport } {
  const holder = { workflowId, runId: history.runId, holds: "run" } as const;
  const stale = isStale(run, history) ? ({ stale: true } as const) : {};
  const report = reportOf(run.lease, runTotals(ledger, run), { ...holder, ...stale });
  return { run: { ...run, toldSpentNanoUsd: report.spentNanoUsd }, report };
}

/** Held of the account, as the account has it: the cap, less what it was told is spent. */
export function heldNanoUsd({ lease, toldSpentNanoUsd }: RunLease): NanoUsd {
  return lease.ended ? ZERO_USD : subtractUsdToZero(lease.capNanoUsd, toldSpentNanoUsd);
}

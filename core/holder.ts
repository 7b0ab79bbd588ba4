import type { LeaseAsk, LeaseReport } from "./lease.js";
import { addUsdToMost, type NanoUsd, subtractUsd, subtractUsdToZero, ZERO_USD } from "./money.js";

/** Who has money of an account: a run, or an account below it. */
export interface Holder {
  readonly workflowId: string;
  readonly leaseId: string;
  /** Of the history that spoke last: where to look whether it is still there. */
  readonly runId: string;
  readonly holds: "run" | "account";
  readonly seq: number;
  /** The most that it may have spent in all. */
  readonly capNanoUsd: NanoUsd;
  /** Spent in all, as it said last. */
  readonly spentNanoUsd: NanoUsd;
  /** Part of the cap that is charged to periods before this one. */
  readonly earlierNanoUsd: NanoUsd;
  /** What it waits for: `place` in the order of asking; `told` that there is nothing for it now. */
  readonly ask: (LeaseAsk & { readonly place: number; readonly told: boolean }) | null;
  /** It was told last that others wait for money, so it gives back at once what gets idle. */
  readonly calledBack: boolean;
  readonly heardAtMs: number;
  /** So often nobody could say what a holder that is gone has spent. */
  readonly unknown: number;
}

/** What all holders of an account have together. */
export interface HolderSums {
  /** Spent in this period. */
  readonly spentNanoUsd: NanoUsd;
  readonly leasedNanoUsd: NanoUsd;
  /** Spent over all periods, and the same or the cap, whichever is more. */
  readonly everSpentNanoUsd: NanoUsd;
  readonly everHeldNanoUsd: NanoUsd;
}

export const NO_HOLDERS: HolderSums = {
  spentNanoUsd: ZERO_USD,
  leasedNanoUsd: ZERO_USD,
  everSpentNanoUsd: ZERO_USD,
  everHeldNanoUsd: ZERO_USD,
};

/** Of a lease that the account has not heard of: it is new, or the account was made anew. */
export function stranger({ workflowId, leaseId, runId, holds }: LeaseReport): Holder {
  return {
    workflowId,
    leaseId,
    runId,
    holds,
    seq: 0,
    capNanoUsd: ZERO_USD,
    spentNanoUsd: ZERO_USD,
    earlierNanoUsd: ZERO_USD,
    ask: null,
    calledBack: false,
    heardAtMs: 0,
    unknown: 0,
  };
}

export function leasedNow({ capNanoUsd, spentNanoUsd, earlierNanoUsd }: Holder): NanoUsd {
  return subtractUsdToZero(capNanoUsd, Math.max(spentNanoUsd, earlierNanoUsd) as NanoUsd);
}

/** Spent in this period. */
export function spentNow({ spentNanoUsd, earlierNanoUsd }: Holder): NanoUsd {
  return subtractUsdToZero(spentNanoUsd, earlierNanoUsd);
}

/** The sums with one more holder. */
export function added(sums: HolderSums, holder: Holder | undefined): HolderSums {
  return holder ? eachSum((name) => addUsdToMost(sums[name], sumsOf(holder)[name])) : sums;
}

/** The sums with one holder less. */
export function taken(sums: HolderSums, holder: Holder | undefined): HolderSums {
  return holder ? eachSum((name) => subtractUsd(sums[name], sumsOf(holder)[name])) : sums;
}

function sumsOf(holder: Holder): HolderSums {
  return {
    spentNanoUsd: spentNow(holder),
    leasedNanoUsd: leasedNow(holder),
    everSpentNanoUsd: holder.spentNanoUsd,
    everHeldNanoUsd: Math.max(holder.capNanoUsd, holder.spentNanoUsd) as NanoUsd,
  };
}

function eachSum(sum: (name: keyof HolderSums) => NanoUsd): HolderSums {
  return {
    spentNanoUsd: sum("spentNanoUsd"),
    leasedNanoUsd: sum("leasedNanoUsd"),
    everSpentNanoUsd: sum("everSpentNanoUsd"),
    everHeldNanoUsd: sum("everHeldNanoUsd"),
  };
}

import { invariant } from "./invariant.js";
import { addUsd, addUsdToMost, type NanoUsd, subtractUsdToZero, ZERO_USD } from "./money.js";
import type { PeriodName } from "./period.js";

/*
 * Money that a run (or an account below another) holds of an account. Both sides say how things stand, not what changed:
 * a message that comes late or out of order is told by its number and left alone. The account raises a cap before it says
 * so, the holder lowers its own before it says so: what a holder may spend is never above what the account has booked.
 */

/** Signal `lease` to an account: how a holder stands. Recorded in histories: members are added, never changed. */
export interface LeaseReport {
  readonly workflowId: string;
  /** Names the lease: Temporal's id of the history in which it began, and a number such as `.1`. */
  readonly leaseId: string;
  /** Of the history that speaks now: another one after continue-as-new, or after a reset. */
  readonly runId: string;
  readonly holds: "run" | "account";
  /** Grows with each report of the lease. */
  readonly seq: number;
  /** The most that the holder may have spent in all, from now on: what was above it is back with the account. */
  readonly capNanoUsd: NanoUsd;
  /** Spent so far, unconfirmed included. */
  readonly spentNanoUsd: NanoUsd;
  /** The account's period that the holder has heard of last. */
  readonly period: PeriodName;
  /** Part of the cap that was begun in periods before that. */
  readonly earlierNanoUsd: NanoUsd;
  readonly ask?: LeaseAsk;
  /** The holder is done: nothing more will be spent. */
  readonly ends?: true;
  /** A reset has made the history that speaks, and the lease is that of the one before it: only its ask counts. */
  readonly stale?: true;
}

/** What a holder would like its cap to be. */
export interface LeaseAsk {
  readonly leastNanoUsd: NanoUsd;
  readonly mostNanoUsd: NanoUsd;
  /** It would rather wait for a top-up than be told that there is no money. */
  readonly waits: boolean;
}

/** Member `lease` of the signal `budgetCheck` from an account: how the lease stands. Recorded in histories. */
export interface LeaseAnswer {
  readonly account: string;
  readonly leaseId: string;
  /** The last report that the account had when it said this. */
  readonly answers: number;
  /** Grows with everything that the account says to anyone. */
  readonly version: number;
  readonly capNanoUsd: NanoUsd;
  readonly period: PeriodName;
  readonly frozen: boolean;
  /** Others wait for money: what gets idle has to go back at once. */
  readonly tight: boolean;
  /** What was asked for is not there. */
  readonly short?: true;
  /** The lease is over; the holder, in this history, has to open another one. */
  readonly overFor?: string;
}

/** A holder's side of a lease; plain JSON. */
export interface Lease {
  readonly account: string;
  readonly leaseId: string;
  readonly seq: number;
  readonly capNanoUsd: NanoUsd;
  /** Of the holder's totals, what was spent before this lease began, or is charged to another one. */
  readonly baseNanoUsd: NanoUsd;
  readonly version: number;
  readonly period: PeriodName;
  readonly frozen: boolean;
  readonly tight: boolean;
  readonly ask: LeaseAsk | null;
  /** `no`: nothing was asked, or the answer is still to come. */
  readonly answered: "no" | "granted" | "short";
  /** Asked for so far: each time for more, so that messages stay few. */
  readonly asks: number;
  readonly ended: boolean;
}

/** A holder's totals, over everything that it ever did. */
export interface HolderTotals {
  readonly spentNanoUsd: NanoUsd;
  /** Spent and reserved. */
  readonly committedNanoUsd: NanoUsd;
  /** Part of what is committed that was begun before `Lease.period`. */
  readonly earlierNanoUsd: NanoUsd;
}

/** A lease without money yet. @param runId of the history that it begins in @param spent by the holder before that */
export function openLease(account: string, runId: string, spentNanoUsd: NanoUsd): Lease {
  return {
    account,
    leaseId: `${runId}.1`,
    seq: 0,
    capNanoUsd: ZERO_USD,
    baseNanoUsd: spentNanoUsd,
    version: 0,
    period: "",
    frozen: false,
    tight: false,
    ask: null,
    answered: "no",
    asks: 0,
    ended: false,
  };
}

/** What the holder may still commit. */
export function leaseRoom(lease: Lease, { committedNanoUsd }: HolderTotals): NanoUsd {
  return lease.ended || lease.frozen ? ZERO_USD : subtractUsdToZero(lease.capNanoUsd, own(lease, committedNanoUsd));
}

/** Asks for room. @param least,most what the holder would commit on top of its totals */
export function askFor(lease: Lease, totals: HolderTotals, { leastNanoUsd, mostNanoUsd, waits }: LeaseAsk): Lease {
  const opened = lease.ended ? reopened(lease, totals.spentNanoUsd) : lease;
  const base = own(opened, totals.committedNanoUsd);
  const ask = { leastNanoUsd: addUsdToMost(base, leastNanoUsd), mostNanoUsd: addUsdToMost(base, mostNanoUsd), waits };
  return { ...opened, seq: opened.seq + 1, ask, answered: "no", asks: opened.asks + 1 };
}

/** Gives back what is not committed; an ask that is open is dropped. Undefined where there is nothing to say. */
export function giveBack(lease: Lease, totals: HolderTotals): Lease | undefined {
  const committed = own(lease, totals.committedNanoUsd);
  const hasAsk = lease.ask !== null && lease.answered !== "granted";
  if (lease.ended || (lease.capNanoUsd <= committed && !hasAsk)) return undefined;
  return {
    ...lease,
    seq: lease.seq + 1,
    capNanoUsd: Math.min(lease.capNanoUsd, committed) as NanoUsd,
    ask: null,
    answered: "no",
  };
}

/** As {@link giveBack}, with an ask that waits left standing, and what was granted left until it is taken. */
export function giveBackIdle(lease: Lease, totals: HolderTotals): Lease | undefined {
  const committed = own(lease, totals.committedNanoUsd);
  const isToBeTaken = lease.ask !== null && lease.answered === "granted";
  if (lease.ended || isToBeTaken || lease.capNanoUsd <= committed) return undefined;
  return { ...lease, seq: lease.seq + 1, capNanoUsd: committed };
}

/** What was granted has been used, or is not wanted any more. */
export function taken(lease: Lease): Lease {
  return lease.answered === "granted" ? { ...lease, ask: null, answered: "no" } : lease;
}

/** The last report: all that is not spent goes back. Undefined where the account never heard of the lease, or has it back. */
export function endLease(lease: Lease, totals: HolderTotals): Lease | undefined {
  if (lease.ended || lease.seq === 0) return undefined;
  const capNanoUsd = own(lease, totals.spentNanoUsd);
  return { ...lease, seq: lease.seq + 1, capNanoUsd, ask: null, answered: "no", ended: true };
}

/** Money of an earlier period that was not needed after all goes back: it is none of this period's. */
export function shed(lease: Lease, nanoUsd: NanoUsd): Lease {
  return { ...lease, seq: lease.seq + 1, capNanoUsd: subtractUsdToZero(lease.capNanoUsd, nanoUsd) };
}

/** Says anew how the holder stands: the account's period has changed. */
export function restate(lease: Lease): Lease {
  return { ...lease, seq: lease.seq + 1 };
}

/** What the account is told. */
export function reportOf(
  lease: Lease,
  totals: HolderTotals,
  holder: Pick<LeaseReport, "workflowId" | "runId" | "holds" | "stale">,
): LeaseReport {
  const { leaseId, seq, capNanoUsd, period, ask, ended } = lease;
  return {
    ...holder,
    leaseId,
    seq,
    capNanoUsd,
    spentNanoUsd: own(lease, totals.spentNanoUsd),
    period,
    earlierNanoUsd: own(lease, totals.earlierNanoUsd),
    ...(ask && lease.answered !== "granted" ? { ask } : {}),
    ...(ended ? { ends: true as const } : {}),
  };
}

/** Takes what an account says; what is older than what was heard, or of another lease, changes nothing. */
export function hear(lease: Lease, answer: LeaseAnswer): Lease {
  const isOfThis = answer.leaseId === lease.leaseId && answer.overFor === undefined;
  if (!isOfThis || lease.ended || answer.version <= lease.version) return lease;
  const { version, frozen, tight, period } = answer;
  const heard = { ...lease, version, frozen, tight, period };
  // It was said before the account had heard the last report: the cap is another one by now.
  if (answer.answers !== lease.seq) return heard;
  invariant(answer.capNanoUsd >= lease.capNanoUsd, "an account only raises a holder's cap");
  const after = { ...heard, capNanoUsd: answer.capNanoUsd };
  const { ask } = lease;
  if (ask === null) return after;
  if (answer.capNanoUsd >= ask.leastNanoUsd) return { ...after, answered: "granted" };
  if (!answer.short) return after;
  return { ...after, answered: "short", ask: ask.waits ? ask : null };
}

/** The lease is void: what was spent under it is charged elsewhere, and another one begins. @param runId of this history */
export function renewed(lease: Lease, runId: string, totals: HolderTotals): Lease {
  return { ...openLease(lease.account, runId, totals.spentNanoUsd), asks: lease.asks };
}

/** Temporal's id of the history in which a lease began. */
export function historyOf(leaseId: string): string {
  return leaseId.slice(0, leaseId.lastIndexOf("."));
}

/** Something that the holder booked was paid by another lease. */
export function paidElsewhere(lease: Lease, nanoUsd: NanoUsd): Lease {
  return { ...lease, baseNanoUsd: addUsd(lease.baseNanoUsd, nanoUsd) };
}

function reopened(lease: Lease, spentNanoUsd: NanoUsd): Lease {
  const runId = historyOf(lease.leaseId);
  const number = Number(lease.leaseId.slice(runId.length + 1)) + 1;
  return { ...openLease(lease.account, runId, spentNanoUsd), leaseId: `${runId}.${number}`, asks: lease.asks };
}

/** What the account is told as spent. */
export function spentUnder(lease: Lease, { spentNanoUsd }: HolderTotals): NanoUsd {
  return lease.ended ? ZERO_USD : own(lease, spentNanoUsd);
}

/** A total without what is not this lease's. */
function own({ baseNanoUsd }: Lease, totalNanoUsd: NanoUsd): NanoUsd {
  return subtractUsdToZero(totalNanoUsd, baseNanoUsd);
}

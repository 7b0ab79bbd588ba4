import { added, type Holder, type HolderSums, NO_HOLDERS, spentNow, stranger, taken } from "./holder.js";
import { isoTime } from "./instant.js";
import { invariant } from "./invariant.js";
import type { LeaseReport } from "./lease.js";
import { addUsd, addUsdToMost, MAX_NANO_USD, type NanoUsd, subtractUsd, subtractUsdToZero, ZERO_USD } from "./money.js";
import { type PeriodKind, type PeriodName, periodAt, periodEndMs } from "./period.js";

/**
 * An account's books: plain JSON. What is spent and what is leased never pass the limit, unless a person lowers it below
 * them or a holder spends more than its cap.
 */
export interface AccountBooks {
  readonly account: string;
  readonly limitNanoUsd: NanoUsd;
  readonly kind: PeriodKind;
  readonly period: PeriodName;
  readonly frozen: boolean;
  /** Spent in this period by holders that are gone. */
  readonly goneNanoUsd: NanoUsd;
  /** The same over all periods: what a lease from the account above has to cover. */
  readonly everNanoUsd: NanoUsd;
  /** Part of it, with what live holders had said, that was spent before the current period of the account above. */
  readonly earlierAboveNanoUsd: NanoUsd;
  /** The period before. */
  readonly before: { readonly period: PeriodName; readonly spentNanoUsd: NanoUsd } | null;
  /** By lease. */
  readonly holders: Readonly<Record<string, Holder>>;
  /** Over all holders, so that nothing has to be added up: there may be thousands. */
  readonly sums: HolderSums;
  /** Leases that are over, the last ones: what is said of them later changes nothing. */
  readonly closed: readonly string[];
  /** Places given to asks: the first one to ask is the first to be served. */
  readonly places: number;
  readonly version: number;
  /** The limit was lowered below what is spent and leased, or a holder passed its cap. */
  readonly limitPassed: boolean;
}

/** Answer of the `balance` query. */
export interface BalanceView {
  readonly account: string;
  readonly limitNanoUsd: NanoUsd;
  /** In this period, as holders have said: what they spend is told when they ask for more, park or end. */
  readonly spentNanoUsd: NanoUsd;
  readonly leasedNanoUsd: NanoUsd;
  readonly remainingNanoUsd: NanoUsd;
  readonly period: PeriodKind;
  /** ISO time; absent for `total`. Days and months are those of UTC. */
  readonly periodEndsAt?: string;
  readonly frozen: boolean;
  /** How many hold money or wait for it. */
  readonly holders: number;
  readonly parent?: string;
}

/** Leases that are over and still remembered: for a holder that was reset after it had ended. */
const CLOSED_KEPT = 500;

export function openAccount(terms: {
  readonly account: string;
  readonly limitNanoUsd: NanoUsd;
  readonly kind: PeriodKind;
  readonly nowMs: number;
}): AccountBooks {
  const { account, limitNanoUsd, kind, nowMs } = terms;
  return {
    account,
    limitNanoUsd,
    kind,
    period: periodAt(kind, nowMs),
    frozen: false,
    goneNanoUsd: ZERO_USD,
    everNanoUsd: ZERO_USD,
    earlierAboveNanoUsd: ZERO_USD,
    before: null,
    holders: {},
    sums: NO_HOLDERS,
    closed: [],
    places: 0,
    version: 0,
    limitPassed: false,
  };
}

/** Takes what a holder says of itself. What is older than what was heard, or of a lease that is over, changes nothing. */
export function report(books: AccountBooks, said: LeaseReport, nowMs: number): AccountBooks {
  if (isOver(books, said)) return books;
  const known = holderOf(books, said.leaseId) ?? stranger(said);
  return stated(books, { ...known, runId: said.runId }, said, nowMs);
}

/** The lease is over, or not that of who speaks: a history that a reset has made speaks with the words of the one before. */
export function isOver({ closed }: AccountBooks, { leaseId, stale }: LeaseReport): boolean {
  return stale === true || closed.includes(leaseId);
}

/** The holder is alive, in this history; it may have said nothing for long. */
export function foundAlive(books: AccountBooks, leaseId: string, runId: string, nowMs: number): AccountBooks {
  const known = holderOf(books, leaseId);
  return known ? withHolder(books, { ...known, runId, heardAtMs: nowMs, unknown: 0 }) : books;
}

/** Nobody could say what a holder that is gone has spent. After some looks it is charged in full. */
export function foundUnknown(books: AccountBooks, leaseId: string): AccountBooks {
  const known = holderOf(books, leaseId);
  return known ? withHolder(books, { ...known, unknown: known.unknown + 1 }) : books;
}

/** A holder is gone without a last word. @param spentNanoUsd what may be on its bill; undefined: charged in full */
export function reclaim(books: AccountBooks, leaseId: string, spentNanoUsd: NanoUsd | undefined): AccountBooks {
  const known = holderOf(books, leaseId);
  if (!known) return books;
  return close(books, { ...known, spentNanoUsd: spentNanoUsd ?? maxOf(known.capNanoUsd, known.spentNanoUsd) });
}

/** A period that is over is closed: what was spent in it is behind, what is leased counts in the new one until holders report. */
export function roll(books: AccountBooks, nowMs: number): AccountBooks {
  const period = periodAt(books.kind, nowMs);
  // A clock that went back begins no period anew.
  if (period <= books.period) return books;
  const before = { period: books.period, spentNanoUsd: spentOf(books) };
  let rolled: AccountBooks = {
    ...books,
    holders: {},
    sums: NO_HOLDERS,
    period,
    before,
    goneNanoUsd: ZERO_USD,
    limitPassed: true,
  };
  for (const holder of Object.values(books.holders)) {
    const earlierNanoUsd = maxOf(holder.earlierNanoUsd, holder.spentNanoUsd);
    rolled = replaced(rolled, undefined, { ...holder, earlierNanoUsd });
  }
  return settled(rolled);
}

/** The account above began a new period: what is leased here counts in it, what is spent in the one before. */
export function rollAbove(books: AccountBooks): AccountBooks {
  return { ...books, earlierAboveNanoUsd: everSpent(books) };
}

/** A limit below what is spent and leased is taken: then nothing is leased until it fits again. */
export function setAccountLimit(books: AccountBooks, limitNanoUsd: NanoUsd): AccountBooks {
  return settled({ ...books, limitNanoUsd, limitPassed: true });
}

/** Why so much cannot be added; undefined where it can. */
export function topUpProblem({ limitNanoUsd }: AccountBooks, addNanoUsd: NanoUsd): string | undefined {
  const fits = addNanoUsd <= subtractUsd(MAX_NANO_USD, limitNanoUsd);
  return fits ? undefined : "addUsd: with the limit it is more than $9,007,199, the most that a limit can be";
}

export function setFrozen(books: AccountBooks, frozen: boolean): AccountBooks {
  return { ...books, frozen };
}

/** Spent in this period: by those that are gone, and what the others have said. */
export function spentOf({ goneNanoUsd, sums }: AccountBooks): NanoUsd {
  return addUsdToMost(goneNanoUsd, sums.spentNanoUsd);
}

/** Held by others, and not spent as far as they have said. */
export function leasedOf({ sums }: AccountBooks): NanoUsd {
  return sums.leasedNanoUsd;
}

/** What the own limit leaves for leases. */
export function freeOf(books: AccountBooks): NanoUsd {
  return subtractUsdToZero(books.limitNanoUsd, addUsdToMost(spentOf(books), leasedOf(books)));
}

/** What an account has to answer for to the one above: spent over all periods, and what its holders have. */
export function everCommitted({ everNanoUsd, sums }: AccountBooks): NanoUsd {
  return addUsdToMost(everNanoUsd, sums.everHeldNanoUsd);
}

export function everSpent({ everNanoUsd, sums }: AccountBooks): NanoUsd {
  return addUsdToMost(everNanoUsd, sums.everSpentNanoUsd);
}

export function balanceOf(books: AccountBooks, frozenAbove: boolean): BalanceView {
  const end = periodEndMs(books.kind, books.period);
  return {
    account: books.account,
    limitNanoUsd: books.limitNanoUsd,
    spentNanoUsd: spentOf(books),
    leasedNanoUsd: leasedOf(books),
    remainingNanoUsd: freeOf(books),
    period: books.kind,
    ...(end === undefined ? {} : { periodEndsAt: isoTime(end) }),
    frozen: books.frozen || frozenAbove,
    holders: Object.keys(books.holders).length,
  };
}

/** Gives a holder more: the account's word is only sent once it is booked. */
export function granted(books: AccountBooks, leaseId: string, addNanoUsd: NanoUsd): AccountBooks {
  const holder = holderOf(books, leaseId);
  invariant(holder !== undefined, `${leaseId} holds money`);
  invariant(addNanoUsd <= freeOf(books), "an account leases no more than it has");
  return withHolder(books, { ...holder, capNanoUsd: addUsd(holder.capNanoUsd, addNanoUsd), ask: null });
}

export function withHolder(books: AccountBooks, holder: Holder): AccountBooks {
  return checked(replaced(books, holderOf(books, holder.leaseId), holder));
}

export function holderOf({ holders }: AccountBooks, leaseId: string): Holder | undefined {
  return Object.hasOwn(holders, leaseId) ? holders[leaseId] : undefined;
}

/** Books a report of a holder that is believed. */
function stated(books: AccountBooks, holder: Holder, said: LeaseReport, nowMs: number): AccountBooks {
  if (said.seq <= holder.seq) return withHolder(books, holder);
  const { seq, spentNanoUsd, capNanoUsd } = said;
  const place = holder.ask?.place ?? books.places + 1;
  const heard: Holder = {
    ...holder,
    seq,
    capNanoUsd,
    spentNanoUsd,
    earlierNanoUsd: earlierOf(books, holder, said),
    ask: said.ask ? { ...said.ask, place, told: false } : null,
    heardAtMs: nowMs,
    unknown: 0,
  };
  // A holder that passed its cap, or has one that an account of this name gave before this one was made.
  const mayPass = books.limitPassed || spentNanoUsd > holder.capNanoUsd || capNanoUsd > holder.capNanoUsd;
  const after: AccountBooks = {
    ...replaced(books, holderOf(books, heard.leaseId), heard),
    before: correctedBefore(books, holder, heard),
    places: said.ask ? Math.max(books.places, place) : books.places,
    limitPassed: mayPass,
  };
  return said.ends ? close(after, heard) : settled(after);
}

/** What a holder says of earlier periods counts once it has heard of this one; before that only what it gave back of them. */
function earlierOf(books: AccountBooks, holder: Holder, said: LeaseReport): NanoUsd {
  if (said.period === books.period) return said.earlierNanoUsd;
  const atLeast = maxOf(said.earlierNanoUsd, said.spentNanoUsd);
  return Math.min(atLeast, holder.earlierNanoUsd) as NanoUsd;
}

/** Of what was begun in the period before, more turned out to be charged to it. */
function correctedBefore({ before }: AccountBooks, holder: Holder, heard: Holder): AccountBooks["before"] {
  const more = subtractUsdToZero(heard.earlierNanoUsd, holder.earlierNanoUsd);
  return before && more > 0 ? { ...before, spentNanoUsd: addUsdToMost(before.spentNanoUsd, more) } : before;
}

/** The holder is gone: what it has spent stays, the rest is free. */
function close(books: AccountBooks, holder: Holder): AccountBooks {
  return settled({
    ...replaced(books, holderOf(books, holder.leaseId), undefined),
    goneNanoUsd: addUsdToMost(books.goneNanoUsd, spentNow(holder)),
    everNanoUsd: addUsdToMost(books.everNanoUsd, holder.spentNanoUsd),
    closed: [...books.closed, holder.leaseId].slice(-CLOSED_KEPT),
    limitPassed: books.limitPassed || holder.spentNanoUsd > holder.capNanoUsd,
  });
}

/** Books that were allowed to pass the limit, with whether they do. */
function settled(books: AccountBooks): AccountBooks {
  return checked({ ...books, limitPassed: books.limitPassed && isPassed(books) });
}

function isPassed(books: AccountBooks): boolean {
  return addUsdToMost(spentOf(books), leasedOf(books)) > books.limitNanoUsd;
}

function maxOf(a: NanoUsd, b: NanoUsd): NanoUsd {
  return a > b ? a : b;
}

/** A holder in the place of another, or none: in the books and in the sums. */
function replaced(books: AccountBooks, before: Holder | undefined, after: Holder | undefined): AccountBooks {
  const holders: Record<string, Holder> = { ...books.holders };
  if (after) holders[after.leaseId] = after;
  else if (before) delete holders[before.leaseId];
  return { ...books, holders, sums: added(taken(books.sums, before), after) };
}

/** The fact that holds after every step. */
function checked(books: AccountBooks): AccountBooks {
  const isWithin = books.limitPassed || !isPassed(books);
  invariant(isWithin, "what is spent and leased stays within the account's limit");
  return books;
}

import { invariant } from "./invariant.js";
import { type LedgerEntry, shortened, withEntry } from "./ledger-entries.js";
import { type TotalsByModel, withCall, withoutCall } from "./ledger-totals.js";
import {
  addUsd,
  addUsdToMost,
  formatUsd,
  MAX_NANO_USD,
  type NanoUsd,
  subtractUsd,
  subtractUsdToZero,
  ZERO_USD,
} from "./money.js";
import type { Usage } from "./usage.js";

export type { LedgerEntry } from "./ledger-entries.js";
export type { ModelTotals } from "./ledger-totals.js";

/** A run's reservation by attempt, such as `t3.a2`; used once in a run. */
export type AttemptId = string;

interface Hold {
  readonly nanoUsd: NanoUsd;
  readonly model: string;
}

/**
 * A run's money: plain JSON of constant size, the attempts under way aside. Spent + reserved + unconfirmed never pass the
 * limit, unless a person lowers it below them or a provider bills above a reservation.
 */
export interface Ledger {
  /** Null: no budget. */
  readonly limitNanoUsd: NanoUsd | null;
  readonly softLimitNanoUsd: NanoUsd | null;
  /** Said once in a run, whatever a late answer or a top-up does later. */
  readonly softLimitCrossed: boolean;
  readonly frozen: boolean;
  /** Settled by the provider's count. */
  readonly confirmedNanoUsd: NanoUsd;
  /** May have been billed: charged in full until something is known. */
  readonly unconfirmedNanoUsd: NanoUsd;
  readonly reservedNanoUsd: NanoUsd;
  readonly holds: Readonly<Record<AttemptId, Hold>>;
  /** Unconfirmed attempts that a late answer can still confirm, the last few; older ones stay in the total for good. */
  readonly awaited: Readonly<Record<AttemptId, Hold>>;
  readonly savedNanoUsd: NanoUsd;
  readonly childrenNanoUsd: NanoUsd;
  /** What was billed above its reservation, in all. */
  readonly overrunNanoUsd: NanoUsd;
  /** The limit was lowered below what is booked, or an overrun passed it: nothing that costs fits until it is raised. */
  readonly limitPassed: boolean;
  readonly unpricedCalls: number;
  readonly priceBook: string;
  readonly byModel: TotalsByModel;
  readonly entries: readonly LedgerEntry[];
}

/** How a booking went; the caller tells what is to be told. */
export interface Booked {
  readonly ledger: Ledger;
  /** This booking crossed the soft limit: said once in a run. */
  readonly softLimitCrossed: boolean;
  /** Billed above the reservation by this booking. */
  readonly overrunNanoUsd: NanoUsd;
  readonly added: Added;
}

/**
 * What a booking added to the books, in nano-dollars; what is unconfirmed becomes less where a late answer explains an
 * attempt. All that was ever added is what the books say.
 */
export interface Added {
  readonly confirmedNanoUsd: number;
  readonly unconfirmedNanoUsd: number;
}

export const NOTHING_ADDED: Added = { confirmedNanoUsd: 0, unconfirmedNanoUsd: 0 };

/** What is known of an attempt's cost. */
export interface Settlement {
  readonly nanoUsd: NanoUsd;
  readonly usage?: Usage;
  readonly requestId?: string;
  readonly unpriced?: boolean;
  readonly savedNanoUsd?: NanoUsd;
  readonly at: string;
}

/** What is known of an attempt that may have been billed. */
type Unconfirmed = Pick<Settlement, "at"> & Partial<Settlement>;

/** New terms from a person. */
export interface Terms {
  readonly addNanoUsd?: NanoUsd;
  readonly limitNanoUsd?: NanoUsd;
  readonly freeze?: boolean;
  readonly by?: string;
  readonly reason?: string;
  readonly at: string;
}

const AWAITED_KEPT = 64;

export function openLedger(terms: {
  readonly limitNanoUsd: NanoUsd | null;
  readonly softLimitNanoUsd?: NanoUsd | null;
  readonly priceBook?: string;
}): Ledger {
  return checked({
    limitNanoUsd: terms.limitNanoUsd,
    softLimitNanoUsd: terms.softLimitNanoUsd ?? null,
    softLimitCrossed: false,
    frozen: false,
    confirmedNanoUsd: ZERO_USD,
    unconfirmedNanoUsd: ZERO_USD,
    reservedNanoUsd: ZERO_USD,
    holds: {},
    awaited: {},
    savedNanoUsd: ZERO_USD,
    childrenNanoUsd: ZERO_USD,
    overrunNanoUsd: ZERO_USD,
    limitPassed: false,
    unpricedCalls: 0,
    priceBook: terms.priceBook ?? "",
    byModel: {},
    entries: [],
  });
}

/** Confirmed and unconfirmed together: what the run has to answer for. */
export function spent(ledger: Ledger): NanoUsd {
  return addUsd(ledger.confirmedNanoUsd, ledger.unconfirmedNanoUsd);
}

/** What the next reservation may take; null: no limit. A frozen ledger has nothing. */
export function available(ledger: Ledger): NanoUsd | null {
  if (ledger.frozen) return ZERO_USD;
  if (ledger.limitNanoUsd === null) return null;
  return subtractUsdToZero(ledger.limitNanoUsd, committed(ledger));
}

/**
 * Holds the most that an attempt can cost, or says by how much it does not fit. A frozen ledger holds nothing, not even for
 * what is free. Without a limit $9,007,199 is one.
 */
export function reserve(
  ledger: Ledger,
  hold: { readonly attempt: AttemptId; readonly amountNanoUsd: NanoUsd; readonly model: string; readonly at: string },
):
  | { readonly kind: "reserved"; readonly ledger: Ledger }
  | { readonly kind: "short"; readonly shortByNanoUsd: NanoUsd; readonly frozen: boolean } {
  const { attempt, at, amountNanoUsd: nanoUsd } = hold;
  const isNew = !Object.hasOwn(ledger.holds, attempt) && !Object.hasOwn(ledger.awaited, attempt);
  invariant(isNew, `${attempt} is reserved once`);
  const { frozen } = ledger;
  const money = available(ledger) ?? subtractUsd(MAX_NANO_USD, committed(ledger));
  if (frozen || nanoUsd > money) return { kind: "short", shortByNanoUsd: subtractUsd(nanoUsd, money), frozen };
  const model = shortened(hold.model);
  return {
    kind: "reserved",
    ledger: checked({
      ...ledger,
      reservedNanoUsd: addUsd(ledger.reservedNanoUsd, nanoUsd),
      holds: { ...ledger.holds, [attempt]: { nanoUsd, model } },
      entries: withEntry(ledger.entries, { at, kind: "reserved", attempt, model, nanoUsd }),
    }),
  };
}

/** The actual cost replaces the reservation; an excess is booked in full and reported. */
export function settle(ledger: Ledger, attempt: AttemptId, actual: Settlement): Booked {
  const { hold, rest } = withoutHold(ledger, attempt);
  return booked(ledger, confirmed(rest, "settled", { attempt, hold, actual }), hold.nanoUsd, actual.nanoUsd);
}

/**
 * The attempt may have been billed: charged with the whole reservation, or with `nanoUsd` where a bound by bytes is known
 * (an answer without usage: then it is no longer awaited).
 */
export function markUnconfirmed(ledger: Ledger, attempt: AttemptId, what: Unconfirmed): Booked {
  const { hold, rest } = withoutHold(ledger, attempt);
  const awaits = what.nanoUsd === undefined;
  const awaited = awaits ? lastOf({ ...rest.awaited, [attempt]: hold }, AWAITED_KEPT) : rest.awaited;
  const after = { ...unconfirmed(rest, { attempt, hold, what }), awaited };
  return booked(ledger, after, hold.nanoUsd, what.nanoUsd ?? hold.nanoUsd);
}

/** A late answer explains an unconfirmed attempt: its cost is confirmed, the rest is free. Unknown attempts change nothing. */
export function confirmLate(ledger: Ledger, attempt: AttemptId, actual: Settlement): Booked {
  return explained(ledger, attempt, actual, (rest, hold) => confirmed(rest, "confirmed", { attempt, hold, actual }));
}

/** As {@link confirmLate}, of an answer without usage: its attempt stays unconfirmed, at what is known by bytes. */
export function estimateLate(ledger: Ledger, attempt: AttemptId, actual: Settlement): Booked {
  return explained(ledger, attempt, actual, (rest, hold) => unconfirmed(rest, { attempt, hold, what: actual }));
}

/** Books what a late answer says in place of the whole hold of its attempt, which is no longer awaited. */
function explained(
  ledger: Ledger,
  attempt: AttemptId,
  actual: Settlement,
  book: (rest: Ledger, hold: Hold) => Ledger,
): Booked {
  const { [attempt]: hold, ...awaited } = ledger.awaited;
  if (!hold || !Object.hasOwn(ledger.awaited, attempt)) {
    return { ledger, softLimitCrossed: false, overrunNanoUsd: ZERO_USD, added: NOTHING_ADDED };
  }
  const rest: Ledger = {
    ...ledger,
    awaited,
    unconfirmedNanoUsd: subtractUsd(ledger.unconfirmedNanoUsd, hold.nanoUsd),
    byModel: withoutCall(ledger.byModel, hold.model, hold.nanoUsd),
  };
  return booked(ledger, book(rest, hold), hold.nanoUsd, actual.nanoUsd);
}

/** Provably not billed: the reservation is free again. */
export function release(ledger: Ledger, attempt: AttemptId, at: string): Booked {
  const { hold, rest } = withoutHold(ledger, attempt);
  const { model, nanoUsd } = hold;
  const entries = withEntry(rest.entries, { at, kind: "released", attempt, model, nanoUsd });
  return booked(ledger, { ...rest, entries }, nanoUsd, ZERO_USD);
}

/**
 * New terms from a person. A limit below what is booked is taken: then nothing that costs fits until it is raised.
 * More than $9,007,199 is no limit that can be: {@link termsProblem} says so before; here it stops at that.
 */
export function changeTerms(ledger: Ledger, terms: Terms): Ledger {
  const { at, by, reason } = terms;
  const limit = limitAfter(ledger, terms);
  return checked({
    ...ledger,
    limitNanoUsd: limit,
    frozen: terms.freeze ?? ledger.frozen,
    limitPassed: limit !== null && committed(ledger) > limit,
    entries: withEntry(ledger.entries, { at, kind: "terms", nanoUsd: limit ?? ZERO_USD, by, reason }),
  });
}

/** Why terms cannot be taken as they are, for the person who gave them; undefined where they can. */
export function termsProblem(ledger: Ledger, terms: Omit<Terms, "at">): string | undefined {
  const limit = terms.limitNanoUsd ?? ledger.limitNanoUsd;
  const add = terms.addNanoUsd;
  if (add === undefined) return undefined;
  if (limit === null) return "addUsd: the run has no budget that could be raised; give it one with limitUsd";
  if (add <= subtractUsd(MAX_NANO_USD, limit)) return undefined;
  return `addUsd: $${formatUsd(limit)} and $${formatUsd(add)} are more than $9,007,199, the most that a limit can be`;
}

/** A child run's cost joins the tree's total. */
export function bookChild(
  ledger: Ledger,
  child: { readonly nanoUsd: NanoUsd; readonly workflowId: string; readonly at: string },
): Ledger {
  const { at, nanoUsd, workflowId: reason } = child;
  return checked({
    ...ledger,
    childrenNanoUsd: addUsdToMost(ledger.childrenNanoUsd, nanoUsd),
    entries: withEntry(ledger.entries, { at, kind: "child", nanoUsd, reason }),
  });
}

/** All that the limit has to cover: spent, unconfirmed and reserved. */
function committed(ledger: Ledger): NanoUsd {
  return addUsd(spent(ledger), ledger.reservedNanoUsd);
}

function limitAfter(ledger: Ledger, terms: Terms): NanoUsd | null {
  const limit = terms.limitNanoUsd ?? ledger.limitNanoUsd;
  return limit === null ? null : addUsdToMost(limit, terms.addNanoUsd ?? ZERO_USD);
}

/** A cost that a provider counted, on books that no longer have its hold. */
function confirmed(
  rest: Ledger,
  kind: "settled" | "confirmed",
  { attempt, hold, actual }: { readonly attempt: AttemptId; readonly hold: Hold; readonly actual: Settlement },
): Ledger {
  const { at, usage, requestId } = actual;
  const nanoUsd = bookable(rest, actual.nanoUsd);
  return {
    ...rest,
    confirmedNanoUsd: addUsd(rest.confirmedNanoUsd, nanoUsd),
    savedNanoUsd: addUsdToMost(rest.savedNanoUsd, actual.savedNanoUsd ?? ZERO_USD),
    unpricedCalls: rest.unpricedCalls + (actual.unpriced ? 1 : 0),
    byModel: withCall(rest.byModel, hold.model, { usage, nanoUsd }),
    entries: withEntry(rest.entries, {
      at,
      kind,
      attempt,
      model: hold.model,
      nanoUsd,
      usage,
      ...(actual.unpriced ? { unpriced: true } : { priceBook: bookOf(rest) }),
      requestId,
    }),
  };
}

/** What may have been billed, on books that no longer have its hold: the whole of it, or what is known by bytes. */
function unconfirmed(
  rest: Ledger,
  { attempt, hold, what }: { readonly attempt: AttemptId; readonly hold: Hold; readonly what: Unconfirmed },
): Ledger {
  const nanoUsd = bookable(rest, what.nanoUsd ?? hold.nanoUsd);
  // The usage of an awaited attempt is counted with its late answer.
  const usage = what.nanoUsd === undefined ? undefined : what.usage;
  return {
    ...rest,
    unconfirmedNanoUsd: addUsd(rest.unconfirmedNanoUsd, nanoUsd),
    byModel: withCall(rest.byModel, hold.model, { usage, nanoUsd }),
    entries: withEntry(rest.entries, {
      kind: "unconfirmed",
      attempt,
      model: hold.model,
      priceBook: bookOf(rest),
      ...what,
      nanoUsd,
    }),
  };
}

function bookOf({ priceBook }: Ledger): string | undefined {
  return priceBook === "" ? undefined : priceBook;
}

/** Books end at $9,007,199: a bill that would take them there is the last, and a bug of a provider or a price. */
function bookable(rest: Ledger, nanoUsd: NanoUsd): NanoUsd {
  const room = subtractUsd(MAX_NANO_USD, committed(rest));
  return nanoUsd < room ? nanoUsd : room;
}

/** What a booking did; an overrun is what was billed above the hold, also where the books have no room for it. */
function booked(before: Ledger, after: Ledger, heldNanoUsd: NanoUsd, billedNanoUsd: NanoUsd): Booked {
  const total = committed(after);
  const overrunNanoUsd = subtractUsdToZero(billedNanoUsd, heldNanoUsd);
  const soft = after.softLimitNanoUsd;
  const softLimitCrossed = !before.softLimitCrossed && soft !== null && spent(after) >= soft;
  const mayPass = before.limitPassed || overrunNanoUsd > 0;
  const ledger = checked({
    ...after,
    overrunNanoUsd: addUsdToMost(after.overrunNanoUsd, overrunNanoUsd),
    softLimitCrossed: before.softLimitCrossed || softLimitCrossed,
    limitPassed: mayPass && after.limitNanoUsd !== null && total > after.limitNanoUsd,
  });
  const added = {
    confirmedNanoUsd: after.confirmedNanoUsd - before.confirmedNanoUsd,
    unconfirmedNanoUsd: after.unconfirmedNanoUsd - before.unconfirmedNanoUsd,
  };
  return { ledger, softLimitCrossed, overrunNanoUsd, added };
}

/** Takes an attempt's hold off the books. */
function withoutHold(ledger: Ledger, attempt: AttemptId): { readonly hold: Hold; readonly rest: Ledger } {
  const { [attempt]: hold, ...holds } = ledger.holds;
  invariant(hold !== undefined && Object.hasOwn(ledger.holds, attempt), `${attempt} holds money`);
  return { hold, rest: { ...ledger, holds, reservedNanoUsd: subtractUsd(ledger.reservedNanoUsd, hold.nanoUsd) } };
}

function lastOf<T>(record: Readonly<Record<string, T>>, count: number): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).slice(-count));
}

/** The facts that hold after every booking. */
function checked(ledger: Ledger): Ledger {
  const total = committed(ledger);
  const { limitNanoUsd, holds, awaited, byModel } = ledger;
  invariant(sumOf(holds) === ledger.reservedNanoUsd, "what is reserved is the sum of the holds");
  invariant(sumOf(awaited) <= ledger.unconfirmedNanoUsd, "what is awaited is part of what is unconfirmed");
  invariant(sumOf(byModel) === spent(ledger), "what is spent is the sum over the models");
  const isWithin = limitNanoUsd === null || ledger.limitPassed || total <= limitNanoUsd;
  invariant(isWithin, "spent, reserved and unconfirmed stay within the limit");
  return ledger;
}

function sumOf(amounts: Readonly<Record<string, { readonly nanoUsd: NanoUsd }>>): NanoUsd {
  return addUsd(...Object.values(amounts).map(({ nanoUsd }) => nanoUsd));
}

import { invariant } from "./invariant.js";
import { addUsd, formatUsd, type NanoUsd, subtractUsd, subtractUsdToZero, toNanoUsd, ZERO_USD } from "./money.js";
import { addUsage, NO_USAGE, type Usage } from "./usage.js";

/** A run's reservation by attempt, such as `t3.a2`. */
export type AttemptId = string;

/** One line of a run's books; the last 50 are kept. */
export interface LedgerEntry {
  readonly at: string;
  readonly kind: "reserved" | "settled" | "unconfirmed" | "confirmed" | "released" | "terms" | "child";
  readonly nanoUsd: NanoUsd;
  readonly attempt?: AttemptId;
  readonly model?: string;
  readonly usage?: Usage;
  /** The provider's id of the request, for reconciliation. */
  readonly requestId?: string;
  readonly by?: string;
  readonly reason?: string;
}

/** What one model of a run was used for. */
export interface ModelTotals extends Usage {
  readonly calls: number;
  readonly nanoUsd: NanoUsd;
}

interface Hold {
  readonly nanoUsd: NanoUsd;
  readonly model: string;
}

/** A run's money: plain JSON of constant size. Spent + reserved + unconfirmed never pass the limit. */
export interface Ledger {
  /** Null: no budget. */
  readonly limitNanoUsd: NanoUsd | null;
  readonly softLimitNanoUsd: NanoUsd | null;
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
  /** The limit was lowered below what is booked, or an overrun passed it: nothing fits until it is raised. */
  readonly limitPassed: boolean;
  readonly unpricedCalls: number;
  readonly priceBook: string;
  readonly byModel: Readonly<Record<string, ModelTotals>>;
  readonly entries: readonly LedgerEntry[];
}

/** How a booking went; the caller tells what is to be told. */
export interface Booked {
  readonly ledger: Ledger;
  /** This booking crossed the soft limit: said once in a run. */
  readonly softLimitCrossed: boolean;
  /** Billed above the reservation by this booking. */
  readonly overrunNanoUsd: NanoUsd;
}

/** What is known of an attempt's cost. */
export interface Settlement {
  readonly nanoUsd: NanoUsd;
  readonly usage?: Usage;
  readonly requestId?: string;
  readonly unpriced?: boolean;
  readonly savedNanoUsd?: NanoUsd;
  readonly at: string;
}

const ENTRIES_KEPT = 50;
const AWAITED_KEPT = 64;
/** Models that a run's totals tell apart; the rest are summed as `other`. */
const MODELS_KEPT = 32;

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
  return subtractUsdToZero(ledger.limitNanoUsd, addUsd(spent(ledger), ledger.reservedNanoUsd));
}

/** Holds the most that an attempt can cost, or says by how much it does not fit. */
export function reserve(
  ledger: Ledger,
  hold: { readonly attempt: AttemptId; readonly amountNanoUsd: NanoUsd; readonly model: string; readonly at: string },
):
  | { readonly kind: "reserved"; readonly ledger: Ledger }
  | { readonly kind: "short"; readonly shortByNanoUsd: NanoUsd } {
  invariant(ledger.holds[hold.attempt] === undefined, `${hold.attempt} is reserved once`);
  const money = available(ledger);
  if (money !== null && hold.amountNanoUsd > money) {
    return { kind: "short", shortByNanoUsd: subtractUsd(hold.amountNanoUsd, money) };
  }
  const { attempt, model, at } = hold;
  const nanoUsd = hold.amountNanoUsd;
  return {
    kind: "reserved",
    ledger: checked({
      ...ledger,
      reservedNanoUsd: addUsd(ledger.reservedNanoUsd, nanoUsd),
      holds: { ...ledger.holds, [attempt]: { nanoUsd, model } },
      entries: entered(ledger, { at, kind: "reserved", attempt, model, nanoUsd }),
    }),
  };
}

/** The actual cost replaces the reservation; an excess is booked in full and reported. */
export function settle(ledger: Ledger, attempt: AttemptId, actual: Settlement): Booked {
  const hold = holdOf(ledger, attempt);
  const freed = withoutHold(ledger, attempt);
  return booked(
    ledger,
    {
      ...freed,
      confirmedNanoUsd: addUsd(freed.confirmedNanoUsd, actual.nanoUsd),
      savedNanoUsd: addUsd(freed.savedNanoUsd, actual.savedNanoUsd ?? ZERO_USD),
      unpricedCalls: freed.unpricedCalls + (actual.unpriced ? 1 : 0),
      byModel: counted(freed.byModel, hold.model, {
        calls: 1,
        usage: actual.usage ?? NO_USAGE,
        nanoUsd: actual.nanoUsd,
      }),
      entries: entered(freed, entryOf("settled", attempt, hold.model, actual)),
    },
    hold.nanoUsd,
    actual.nanoUsd,
  );
}

/**
 * The attempt may have been billed: charged with the whole reservation, or with `nanoUsd` where a bound by bytes is known
 * (an answer without usage: then it is no longer awaited).
 */
export function markUnconfirmed(
  ledger: Ledger,
  attempt: AttemptId,
  what: { readonly at: string } & Partial<Omit<Settlement, "at">>,
): Booked {
  const hold = holdOf(ledger, attempt);
  const charge = what.nanoUsd ?? hold.nanoUsd;
  const freed = withoutHold(ledger, attempt);
  const awaited =
    what.nanoUsd === undefined ? lastOf({ ...freed.awaited, [attempt]: hold }, AWAITED_KEPT) : freed.awaited;
  return booked(
    ledger,
    {
      ...freed,
      unconfirmedNanoUsd: addUsd(freed.unconfirmedNanoUsd, charge),
      awaited,
      byModel: counted(freed.byModel, hold.model, { calls: 1, usage: what.usage ?? NO_USAGE, nanoUsd: charge }),
      entries: entered(freed, entryOf("unconfirmed", attempt, hold.model, { ...what, nanoUsd: charge })),
    },
    hold.nanoUsd,
    charge,
  );
}

/** A late answer explains an unconfirmed attempt: its cost is confirmed, the rest is free. Unknown attempts change nothing. */
export function confirmLate(ledger: Ledger, attempt: AttemptId, actual: Settlement): Booked {
  const hold = ledger.awaited[attempt];
  if (!hold) return { ledger, softLimitCrossed: false, overrunNanoUsd: ZERO_USD };
  const { [attempt]: _explained, ...awaited } = ledger.awaited;
  const totals = ledger.byModel[modelKey(ledger.byModel, hold.model)];
  invariant(totals !== undefined, `${hold.model} has totals`);
  const corrected = { ...totals, nanoUsd: subtractUsd(totals.nanoUsd, hold.nanoUsd), calls: totals.calls - 1 };
  const byModel = { ...ledger.byModel, [modelKey(ledger.byModel, hold.model)]: corrected };
  return booked(
    ledger,
    {
      ...ledger,
      awaited,
      unconfirmedNanoUsd: subtractUsd(ledger.unconfirmedNanoUsd, hold.nanoUsd),
      confirmedNanoUsd: addUsd(ledger.confirmedNanoUsd, actual.nanoUsd),
      byModel: counted(byModel, hold.model, { calls: 1, usage: actual.usage ?? NO_USAGE, nanoUsd: actual.nanoUsd }),
      entries: entered(ledger, entryOf("confirmed", attempt, hold.model, actual)),
    },
    hold.nanoUsd,
    actual.nanoUsd,
  );
}

/** Provably not billed: the reservation is free again. */
export function release(ledger: Ledger, attempt: AttemptId, at: string): Booked {
  const hold = holdOf(ledger, attempt);
  const freed = withoutHold(ledger, attempt);
  const entries = entered(freed, { at, kind: "released", attempt, model: hold.model, nanoUsd: hold.nanoUsd });
  return { ledger: checked({ ...freed, entries }), softLimitCrossed: false, overrunNanoUsd: ZERO_USD };
}

/** New terms from a person. A limit below what is booked is taken: then nothing fits until it is raised. */
export function changeTerms(
  ledger: Ledger,
  terms: {
    readonly addNanoUsd?: NanoUsd;
    readonly limitNanoUsd?: NanoUsd;
    readonly freeze?: boolean;
    readonly by?: string;
    readonly reason?: string;
    readonly at: string;
  },
): Ledger {
  let limit = terms.limitNanoUsd ?? ledger.limitNanoUsd;
  if (terms.addNanoUsd !== undefined && limit !== null) limit = addUsd(limit, terms.addNanoUsd);
  const { at, by, reason } = terms;
  const passed = limit !== null && addUsd(spent(ledger), ledger.reservedNanoUsd) > limit;
  return checked({
    ...ledger,
    limitNanoUsd: limit,
    frozen: terms.freeze ?? ledger.frozen,
    limitPassed: passed,
    softLimitCrossed:
      ledger.softLimitCrossed && ledger.softLimitNanoUsd !== null && spent(ledger) >= ledger.softLimitNanoUsd,
    entries: entered(ledger, {
      at,
      kind: "terms",
      nanoUsd: limit ?? ZERO_USD,
      ...(by === undefined ? {} : { by }),
      ...(reason === undefined ? {} : { reason }),
    }),
  });
}

/** A child run's cost joins the tree's total. */
export function bookChild(
  ledger: Ledger,
  child: { readonly nanoUsd: NanoUsd; readonly workflowId: string; readonly at: string },
): Ledger {
  const { at, nanoUsd } = child;
  return checked({
    ...ledger,
    childrenNanoUsd: addUsd(ledger.childrenNanoUsd, nanoUsd),
    entries: entered(ledger, { at, kind: "child", nanoUsd, reason: child.workflowId }),
  });
}

function booked(before: Ledger, after: Ledger, heldNanoUsd: NanoUsd, actualNanoUsd: NanoUsd): Booked {
  const overrunNanoUsd = subtractUsdToZero(actualNanoUsd, heldNanoUsd);
  const crossed = !before.softLimitCrossed && after.softLimitNanoUsd !== null && spent(after) >= after.softLimitNanoUsd;
  const total = addUsd(spent(after), after.reservedNanoUsd);
  const ledger = checked({
    ...after,
    overrunNanoUsd: addUsd(after.overrunNanoUsd, overrunNanoUsd),
    softLimitCrossed: before.softLimitCrossed || crossed,
    limitPassed:
      before.limitPassed || overrunNanoUsd > 0 ? after.limitNanoUsd !== null && total > after.limitNanoUsd : false,
  });
  return { ledger, softLimitCrossed: crossed, overrunNanoUsd };
}

function holdOf(ledger: Ledger, attempt: AttemptId): Hold {
  const hold = ledger.holds[attempt];
  invariant(hold !== undefined, `${attempt} holds money`);
  return hold;
}

function withoutHold(ledger: Ledger, attempt: AttemptId): Ledger {
  const { [attempt]: hold, ...holds } = ledger.holds;
  return { ...ledger, holds, reservedNanoUsd: subtractUsd(ledger.reservedNanoUsd, hold?.nanoUsd ?? ZERO_USD) };
}

function entryOf(
  kind: LedgerEntry["kind"],
  attempt: AttemptId,
  model: string,
  what: { at: string; nanoUsd: NanoUsd; usage?: Usage; requestId?: string },
): LedgerEntry {
  const { at, nanoUsd, usage, requestId } = what;
  return {
    at,
    kind,
    attempt,
    model,
    nanoUsd,
    ...(usage ? { usage } : {}),
    ...(requestId === undefined ? {} : { requestId }),
  };
}

function entered(ledger: Ledger, entry: LedgerEntry): readonly LedgerEntry[] {
  return [...ledger.entries.slice(1 - ENTRIES_KEPT), entry];
}

function modelKey(byModel: Ledger["byModel"], model: string): string {
  return byModel[model] || Object.keys(byModel).length < MODELS_KEPT ? model : "other";
}

function counted(
  byModel: Ledger["byModel"],
  model: string,
  add: { readonly calls: number; readonly usage: Usage; readonly nanoUsd: NanoUsd },
): Ledger["byModel"] {
  const key = modelKey(byModel, model);
  const totals = byModel[key] ?? { ...NO_USAGE, calls: 0, nanoUsd: ZERO_USD };
  const sums = {
    ...addUsage(totals, add.usage),
    calls: totals.calls + add.calls,
    nanoUsd: addUsd(totals.nanoUsd, add.nanoUsd),
  };
  return { ...byModel, [key]: sums };
}

function lastOf<T>(record: Readonly<Record<string, T>>, count: number): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).slice(-count));
}

/** The facts that hold after every booking. */
function checked(ledger: Ledger): Ledger {
  const held = Object.values(ledger.holds).reduce((sum, { nanoUsd }) => sum + nanoUsd, 0);
  invariant(held === ledger.reservedNanoUsd, "what is reserved is the sum of the holds");
  const awaited = Object.values(ledger.awaited).reduce((sum, { nanoUsd }) => sum + nanoUsd, 0);
  invariant(awaited <= ledger.unconfirmedNanoUsd, "what is awaited is part of what is unconfirmed");
  const byModel = Object.values(ledger.byModel).reduce((sum, { nanoUsd }) => sum + nanoUsd, 0);
  invariant(byModel === spent(ledger), "what is spent is the sum over the models");
  const total = toNanoUsd(spent(ledger) + ledger.reservedNanoUsd);
  invariant(
    ledger.limitNanoUsd === null || ledger.limitPassed || total <= ledger.limitNanoUsd,
    `spent, reserved and unconfirmed ($${formatUsd(total)}) stay within the limit`,
  );
  return ledger;
}

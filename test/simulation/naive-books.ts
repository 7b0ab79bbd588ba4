/** Something that happened to a run's money, in nano-dollars. */
export type Fact =
  | { readonly kind: "limit"; readonly nanoUsd: bigint | null }
  | { readonly kind: "frozen"; readonly frozen: boolean }
  | { readonly kind: "reserved"; readonly attempt: string; readonly model: string; readonly nanoUsd: bigint }
  | BookingFact;

/** Something that ended an attempt's reservation, or explained it later. */
export type BookingFact =
  | { readonly kind: "released" | "lost"; readonly attempt: string }
  | {
      readonly kind: "settled" | "estimated" | "late" | "late estimate";
      readonly attempt: string;
      readonly nanoUsd: bigint;
    };

/** What the books have to say after all facts. */
export interface Figures {
  readonly limit: bigint | null;
  readonly frozen: boolean;
  readonly confirmed: bigint;
  readonly unconfirmed: bigint;
  readonly reserved: bigint;
  /** All three. */
  readonly total: bigint;
  /** Lost attempts that a late answer can explain, oldest first. */
  readonly awaited: readonly string[];
  readonly attempts: ReadonlyMap<string, NaiveAttempt>;
  /** Billed above reservations, in all. */
  readonly overrun: bigint;
  /** The most that the total may be: the limit, or where people or providers drove it above, what is left of that. */
  readonly ceiling: bigint | null;
}

export interface NaiveAttempt {
  readonly model: string;
  readonly hold: bigint;
  /** What the books have for it. */
  readonly charge: bigint;
  readonly state: "reserved" | BookingFact["kind"];
}

/** The promise of core/ledger, said once more here. */
const AWAITED_KEPT = 64;

/** Recomputes everything from the first fact on, with no thought for speed: an oracle for core/ledger. */
export function figuresOf(facts: readonly Fact[]): Figures {
  const attempts = new Map<string, NaiveAttempt>();
  let [limit, frozen, awaited]: [bigint | null, boolean, string[]] = [null, false, []];
  let [total, overrun, ceiling]: [bigint, bigint, bigint | null] = [0n, 0n, null];
  for (const fact of facts) {
    let excess = 0n;
    if (fact.kind === "limit") limit = fact.nanoUsd;
    else if (fact.kind === "frozen") frozen = fact.frozen;
    else if (fact.kind === "reserved") {
      const { attempt, model, nanoUsd } = fact;
      attempts.set(attempt, { model, hold: nanoUsd, charge: nanoUsd, state: "reserved" });
      total += nanoUsd;
    } else if (!isLate(fact) || awaited.includes(fact.attempt)) {
      const before = attempts.get(fact.attempt) as NaiveAttempt;
      const charge = chargeOf(fact, before.hold);
      attempts.set(fact.attempt, { ...before, charge, state: fact.kind });
      awaited = awaited.filter((attempt) => attempt !== fact.attempt);
      if (fact.kind === "lost") awaited = [...awaited, fact.attempt].slice(-AWAITED_KEPT);
      total += charge - before.charge;
      excess = larger(0n, charge - before.hold);
    }
    overrun += excess;
    // Above its limit a total may only fall; people (a lower limit) and providers (an excess) alone may put it there.
    if (limit === null) ceiling = null;
    else if (fact.kind === "limit" || ceiling === null) ceiling = larger(limit, total);
    else ceiling = larger(limit, smaller(ceiling + excess, total));
  }
  const sumOf = (...states: readonly NaiveAttempt["state"][]) => sumWhere(attempts, states);
  const [confirmed, reserved] = [sumOf("settled", "late"), sumOf("reserved")];
  const unconfirmed = sumOf("lost", "estimated", "late estimate");
  return {
    limit,
    frozen,
    confirmed,
    unconfirmed,
    reserved,
    total: confirmed + unconfirmed + reserved,
    awaited,
    attempts,
    overrun,
    ceiling,
  };
}

/** It counts only where it is awaited. */
function isLate({ kind }: BookingFact): boolean {
  return kind === "late" || kind === "late estimate";
}

/** What a fact puts on the books for its attempt. */
export function chargeOf(fact: BookingFact, hold: bigint): bigint {
  if ("nanoUsd" in fact) return fact.nanoUsd;
  return fact.kind === "lost" ? hold : 0n;
}

function sumWhere(attempts: ReadonlyMap<string, NaiveAttempt>, states: readonly NaiveAttempt["state"][]): bigint {
  let sum = 0n;
  for (const { state, charge } of attempts.values()) if (states.includes(state)) sum += charge;
  return sum;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function smaller(a: bigint, b: bigint): bigint {
  return larger(a, b) === a ? b : a;
}

import {
  type Booked,
  bookChild,
  changeTerms,
  confirmLate,
  estimateLate,
  type Ledger,
  markUnconfirmed,
  openLedger,
  release,
  reserve,
  settle,
  type Terms,
} from "../../core/ledger.js";
import { type NanoUsd, toNanoUsd } from "../../core/money.js";
import type { Usage } from "../../core/usage.js";
import { type BookingFact, chargeOf, type Fact, type Figures, figuresOf } from "./naive-books.js";

/** A promise that did not hold, with what had happened until then. */
export class Broken extends Error {
  override readonly name = "Broken";
}

type Step = (ledger: Ledger) => Ledger;

const AT = "2026-08-22T10:00:00.000Z";

/** A ledger and, beside it, the list of facts: after each step it is compared with what the facts come to. */
export class CheckedBooks {
  readonly #facts: Fact[];
  readonly #softLimit: bigint | null;
  #base: Ledger;
  #ledger: Ledger;
  /** Steps since the last continue-as-new: what a worker replays. */
  #history: Step[] = [];
  #warned = false;
  #figures: { readonly after: number; readonly are: Figures } | undefined;

  constructor(limit: NanoUsd | null, softLimit: NanoUsd | null) {
    this.#ledger = openLedger({ limitNanoUsd: limit, softLimitNanoUsd: softLimit });
    this.#base = this.#ledger;
    this.#softLimit = softLimit === null ? null : BigInt(softLimit);
    this.#facts = [{ kind: "limit", nanoUsd: limit === null ? null : BigInt(limit) }];
  }

  /** What the facts come to, all of them once more where there is a new one. */
  figures(): Figures {
    if (this.#figures?.after !== this.#facts.length) {
      this.#figures = { after: this.#facts.length, are: figuresOf(this.#facts) };
    }
    return this.#figures.are;
  }

  /** True where the ledger held the money; it has to be right about that. */
  reserve(attempt: string, model: string, amountNanoUsd: NanoUsd): boolean {
    const { frozen, limit, total } = this.figures();
    const hold = BigInt(amountNanoUsd);
    // What is free fits below any limit, a passed one too: it makes nothing worse.
    const fits = !frozen && (limit === null || hold === 0n || total + hold <= limit);
    const held = reserve(this.#ledger, { attempt, model, amountNanoUsd, at: AT });
    if ((held.kind === "reserved") !== fits) this.#broken(`${attempt} is reserved exactly where it fits: ${held.kind}`);
    if (!fits) return false;
    const step: Step = (ledger) => {
      const again = reserve(ledger, { attempt, model, amountNanoUsd, at: AT });
      return again.kind === "reserved" ? again.ledger : this.#broken("a replay reserves what was reserved");
    };
    this.#step(step, { kind: "reserved", attempt, model, nanoUsd: hold });
    return true;
  }

  settle(attempt: string, nanoUsd: NanoUsd, usage: Usage): void {
    const fact = { kind: "settled", attempt, nanoUsd: BigInt(nanoUsd) } as const;
    this.#book(fact, (ledger) => settle(ledger, attempt, { nanoUsd, usage, at: AT }));
  }

  lose(attempt: string): void {
    this.#book({ kind: "lost", attempt }, (ledger) => markUnconfirmed(ledger, attempt, { at: AT }));
  }

  estimate(attempt: string, nanoUsd: NanoUsd): void {
    const fact = { kind: "estimated", attempt, nanoUsd: BigInt(nanoUsd) } as const;
    this.#book(fact, (ledger) => markUnconfirmed(ledger, attempt, { nanoUsd, at: AT }));
  }

  release(attempt: string): void {
    this.#book({ kind: "released", attempt }, (ledger) => release(ledger, attempt, AT));
  }

  /** True where the answer explained something; else the books must be untouched. */
  late(attempt: string, nanoUsd: NanoUsd, usage?: Usage): boolean {
    const actual = { nanoUsd, at: AT, ...(usage === undefined ? {} : { usage }) };
    const fact = { kind: "late", attempt, nanoUsd: BigInt(nanoUsd) } as const;
    return this.#explain(fact, (ledger) => confirmLate(ledger, attempt, actual));
  }

  /** As {@link late}, of an answer without usage. */
  lateEstimate(attempt: string, nanoUsd: NanoUsd): boolean {
    const fact = { kind: "late estimate", attempt, nanoUsd: BigInt(nanoUsd) } as const;
    return this.#explain(fact, (ledger) => estimateLate(ledger, attempt, { nanoUsd, at: AT }));
  }

  #explain(fact: BookingFact, booking: (ledger: Ledger) => Booked): boolean {
    const before = this.#ledger;
    const { attempt } = fact;
    if (this.figures().awaited.includes(attempt)) {
      this.#book(fact, booking);
      return true;
    }
    if (booking(before).ledger !== before) this.#broken(`${attempt} is awaited by nobody: its answer changes nothing`);
    return false;
  }

  terms(terms: Omit<Terms, "at">): void {
    const { limit } = this.figures();
    const { addNanoUsd, limitNanoUsd, freeze } = terms;
    const step: Step = (ledger) => changeTerms(ledger, { ...terms, by: "ana", at: AT });
    const changed = limitNanoUsd === undefined ? limit : BigInt(limitNanoUsd);
    const nanoUsd = changed === null ? null : changed + BigInt(addNanoUsd ?? 0);
    this.#step(step, { kind: "limit", nanoUsd });
    if (freeze !== undefined) this.#facts.push({ kind: "frozen", frozen: freeze });
  }

  child(nanoUsd: NanoUsd): void {
    this.#step((ledger) => bookChild(ledger, { nanoUsd, workflowId: "child", at: AT }));
  }

  /** The worker dies: another one has the history and nothing else. */
  crash(): void {
    const before = JSON.stringify(this.#ledger);
    this.#ledger = this.#history.reduce<Ledger>((ledger, step) => step(ledger), this.#base);
    if (JSON.stringify(this.#ledger) !== before) this.#broken("a replayed history gives the same books");
  }

  /** Everything that is carried is JSON. */
  continueAsNew(): void {
    this.#base = JSON.parse(JSON.stringify(this.#ledger)) as Ledger;
    this.#ledger = this.#base;
    this.#history = [];
  }

  /** Compares the ledger with the facts. @throws Broken */
  check(): void {
    const { confirmedNanoUsd, unconfirmedNanoUsd, reservedNanoUsd, limitNanoUsd, ...ledger } = this.#ledger;
    const should = this.figures();
    const pairs: readonly (readonly [what: string, booked: unknown, right: unknown])[] = [
      ["limit", limitNanoUsd, should.limit],
      ["frozen", ledger.frozen, should.frozen],
      ["confirmed", confirmedNanoUsd, should.confirmed],
      ["unconfirmed", unconfirmedNanoUsd, should.unconfirmed],
      ["reserved", reservedNanoUsd, should.reserved],
      ["overrun", ledger.overrunNanoUsd, should.overrun],
      ["limit passed", ledger.limitPassed, should.limit !== null && should.total > should.limit],
      ["awaited", Object.keys(ledger.awaited), should.awaited],
      ["calls by model", callsOf(ledger.byModel), callsOf(naiveTotals(should))],
    ];
    for (const [what, booked, right] of pairs)
      if (String(booked) !== String(right)) this.#broken(`${what} is ${right}, not ${booked}`);
    if (should.ceiling !== null && should.total > should.ceiling) this.#broken("the limit holds");
  }

  /** Books, and compares what the booking says of itself with what has to be told. */
  #book(fact: BookingFact, booking: (ledger: Ledger) => Booked): void {
    const hold = this.figures().attempts.get(fact.attempt)?.hold ?? 0n;
    const excess = chargeOf(fact, hold) - hold;
    const booked = booking(this.#ledger);
    this.#step((ledger) => booking(ledger).ledger, fact);
    if (BigInt(booked.overrunNanoUsd) !== (excess > 0n ? excess : 0n)) {
      this.#broken(`${fact.attempt} is reported as ${excess} above its reservation, not ${booked.overrunNanoUsd}`);
    }
    const { confirmed, unconfirmed } = this.figures();
    const crosses = !this.#warned && this.#softLimit !== null && confirmed + unconfirmed >= this.#softLimit;
    if (booked.softLimitCrossed !== crosses) this.#broken("the soft limit is told once, when it is crossed");
    this.#warned ||= crosses;
  }

  #step(step: Step, fact?: Fact): void {
    this.#history.push(step);
    this.#ledger = step(this.#ledger);
    if (fact) this.#facts.push(fact);
  }

  #broken(what: string): never {
    throw new Broken(`must hold: ${what}\nthe last facts:\n${this.told(12)}`);
  }

  /** The last facts, for people. */
  told(count: number): string {
    const plain = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value);
    return this.#facts
      .slice(-count)
      .map((fact) => JSON.stringify(fact, plain))
      .join("\n");
  }
}

type Totals = Readonly<Record<string, { readonly calls: number; readonly nanoUsd: number | bigint }>>;

function callsOf(totals: Totals): string {
  const models = Object.entries(totals).filter(([, { calls }]) => calls > 0);
  return models
    .map(([model, { calls, nanoUsd }]) => `${model}: ${calls} for ${nanoUsd}`)
    .toSorted()
    .join(", ");
}

function naiveTotals({ attempts }: Figures): Totals {
  const totals: Record<string, { calls: number; nanoUsd: bigint }> = {};
  for (const { model, charge, state } of attempts.values()) {
    if (state === "reserved" || state === "released") continue;
    const { calls, nanoUsd } = totals[model] ?? { calls: 0, nanoUsd: 0n };
    totals[model] = { calls: calls + 1, nanoUsd: nanoUsd + charge };
  }
  return totals;
}

/** Amounts of a simulation are far below what a number holds exactly. */
export function asNanoUsd(amount: bigint): NanoUsd {
  return toNanoUsd(Number(amount));
}

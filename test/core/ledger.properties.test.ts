import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { INLINE_BYTES } from "../../core/activity-contract.js";
import { utf8Bytes } from "../../core/digest.js";
import {
  available,
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
} from "../../core/ledger.js";
import { budgetView, costOf } from "../../core/ledger-report.js";
import { MAX_NANO_USD, type NanoUsd, toNanoUsd, ZERO_USD } from "../../core/money.js";
import { NO_USAGE } from "../../core/usage.js";
import { CheckedBooks } from "../simulation/checked-books.js";

const at = "2026-08-22T10:00:00.000Z";
const amount = (most: number) => fc.integer({ min: 0, max: most }).map(toNanoUsd);

/** The attempts of a schedule: what the model of the books needs to know to choose a next step. */
interface Attempts {
  readonly open: string[];
  readonly lost: string[];
  count: number;
}

/** A step of a schedule: on the books, which compare themselves with the naive ones after it. */
class Command implements fc.Command<Attempts, CheckedBooks> {
  readonly #name: string;
  readonly #needs: "open" | "lost" | undefined;
  readonly #act: (books: CheckedBooks, attempt: string, attempts: Attempts) => void;

  constructor(
    name: string,
    needs: "open" | "lost" | undefined,
    act: (books: CheckedBooks, attempt: string, attempts: Attempts) => void,
  ) {
    this.#name = name;
    this.#needs = needs;
    this.#act = act;
  }

  check({ open, lost }: Readonly<Attempts>): boolean {
    return this.#needs === undefined || { open, lost }[this.#needs].length > 0;
  }

  run(attempts: Attempts, books: CheckedBooks): void {
    const from = this.#needs === undefined ? [] : attempts[this.#needs];
    this.#act(books, this.#needs === "open" ? (from.shift() ?? "") : (from.at(-1) ?? ""), attempts);
    books.check();
  }

  toString(): string {
    return this.#name;
  }
}

const pair = fc.tuple(amount(60), fc.constantFrom("a/b", "c/d"));
const COMMANDS = [
  pair.map(
    ([nanoUsd, model]) =>
      new Command(`reserve ${nanoUsd}`, undefined, (books, _, attempts) => {
        attempts.count += 1;
        if (books.reserve(`a${attempts.count}`, model, nanoUsd)) attempts.open.push(`a${attempts.count}`);
      }),
  ),
  amount(80).map((cost) => new Command(`settle ${cost}`, "open", (books, id) => books.settle(id, cost, NO_USAGE))),
  amount(80).map((cost) => new Command(`estimate ${cost}`, "open", (books, id) => books.estimate(id, cost))),
  amount(80).map((cost) => new Command(`late ${cost}`, "lost", (books, id) => void books.late(id, cost))),
  amount(80).map((cost) => new Command(`guess ${cost}`, "lost", (books, id) => void books.lateEstimate(id, cost))),
  fc.constant(new Command("release", "open", (books, id) => books.release(id))),
  fc.constant(
    new Command("lose", "open", (books, id, { lost }) => {
      books.lose(id);
      lost.push(id);
    }),
  ),
  amount(80).map((more) => new Command(`add ${more}`, undefined, (books) => books.terms({ addNanoUsd: more }))),
  amount(80).map((limit) => new Command(`limit ${limit}`, undefined, (books) => books.terms({ limitNanoUsd: limit }))),
  fc.boolean().map((freeze) => new Command(`freeze ${freeze}`, undefined, (books) => books.terms({ freeze }))),
  fc.constant(new Command("crash", undefined, (books) => books.crash())),
  fc.constant(new Command("continue as new", undefined, (books) => books.continueAsNew())),
];

test("in every order of steps the ledger has what the naive books have, and grants what fits", () => {
  const terms = fc.record({ limit: fc.option(amount(100)), soft: fc.option(amount(100)) });
  fc.assert(
    fc.property(terms, fc.commands(COMMANDS, { maxCommands: 60 }), ({ limit, soft }, commands) => {
      const setup = () => ({ model: { open: [], lost: [], count: 0 }, real: new CheckedBooks(limit, soft) });
      fc.modelRun(setup, commands);
    }),
    { numRuns: 500 },
  );
});

/** A step that any ledger can take, whatever is on it; `next` is an attempt that was not there yet. */
type Act = (ledger: Ledger, next: string) => Ledger;

function acts(amounts: fc.Arbitrary<NanoUsd>, texts: fc.Arbitrary<string>): fc.Arbitrary<readonly Act[]> {
  const usage = { ...NO_USAGE, inputTokens: 2 ** 52, outputTokens: Number.NaN };
  const held = (book: (ledger: Ledger, attempt: string) => Ledger): Act => {
    return (ledger) => ifThere(Object.keys(ledger.holds)[0], (attempt) => book(ledger, attempt)) ?? ledger;
  };
  const act = fc.tuple(amounts, texts, fc.boolean()).chain(([nanoUsd, text, flag]) =>
    fc.constantFrom<Act>(
      (ledger, next) => reserved(ledger, next, nanoUsd, text),
      (ledger, next) => reserved(ledger, next, nanoUsd, text),
      held((ledger, id) => settle(ledger, id, { nanoUsd, savedNanoUsd: nanoUsd, usage, requestId: text, at }).ledger),
      held((ledger, id) => markUnconfirmed(ledger, id, { at }).ledger),
      held((ledger, id) => markUnconfirmed(ledger, id, { nanoUsd, usage, at }).ledger),
      held((ledger, id) => release(ledger, id, at).ledger),
      (ledger) => confirmLate(ledger, Object.keys(ledger.awaited)[0] ?? "", { nanoUsd, usage, at }).ledger,
      (ledger) => estimateLate(ledger, Object.keys(ledger.awaited)[0] ?? "", { nanoUsd, usage, at }).ledger,
      (ledger) => changeTerms(ledger, { addNanoUsd: nanoUsd, by: text, reason: text, at }),
      (ledger) => changeTerms(ledger, { limitNanoUsd: nanoUsd, at }),
      (ledger) => changeTerms(ledger, { freeze: flag && text.length % 5 === 0, at }),
      (ledger) => bookChild(ledger, { nanoUsd, workflowId: text, at }),
    ),
  );
  return fc.array(act, { maxLength: 80 });
}

function ifThere<T>(value: string | undefined, then: (value: string) => T): T | undefined {
  return value === undefined ? undefined : then(value);
}

/** As a run does, never more than a few attempts at one time. */
function reserved(ledger: Ledger, attempt: string, amountNanoUsd: NanoUsd, model: string): Ledger {
  if (Object.keys(ledger.holds).length >= 4) return ledger;
  const held = reserve(ledger, { attempt, amountNanoUsd, model, at });
  return held.kind === "reserved" ? held.ledger : ledger;
}

const anyAmount = fc.oneof(amount(100), amount(MAX_NANO_USD), fc.constant(MAX_NANO_USD), fc.constant(ZERO_USD));
const model = fc.constantFrom("openai/a", "anthropic/b");

test("carried over as JSON after every step, a ledger goes on as if it had not been", () => {
  fc.assert(
    fc.property(acts(anyAmount, model), fc.option(anyAmount), (steps, limitNanoUsd) => {
      const start = openLedger({ limitNanoUsd, softLimitNanoUsd: limitNanoUsd });
      const kept = steps.reduce((ledger, step, index) => step(ledger, `t${index}`), start);
      const carried = steps.reduce((ledger, step, index) => asJson(step(ledger, `t${index}`)), start);
      expect(carried).toEqual(kept);
    }),
  );
});

test("whatever the amounts, up to the largest: no step throws, and the books are amounts", () => {
  fc.assert(
    fc.property(acts(anyAmount, model), fc.option(anyAmount), (steps, limitNanoUsd) => {
      let ledger = openLedger({ limitNanoUsd });
      for (const [index, step] of steps.entries()) {
        ledger = step(ledger, `t${index}`);
        const { entries: _, limitNanoUsd: limit, ...view } = budgetView(ledger);
        const { treeNanoUsd, savedNanoUsd, unconfirmedNanoUsd, byModel } = costOf(ledger);
        const counts = Object.values(byModel).flatMap((totals) => Object.values(totals));
        const amounts = [
          view.spentNanoUsd,
          view.reservedNanoUsd,
          treeNanoUsd,
          savedNanoUsd,
          unconfirmedNanoUsd,
          ...counts,
        ];
        expect(amounts.filter((one) => !Number.isSafeInteger(one) || one < 0)).toEqual([]);
        expect(available(ledger) ?? limit ?? 0).toBeLessThanOrEqual(MAX_NANO_USD);
      }
    }),
  );
});

/** Steps that leave lines, totals and awaited attempts behind: more than any of them keeps. */
function muchUsed(text: (index: number) => string, steps = 400): Ledger {
  let ledger = openLedger({ limitNanoUsd: MAX_NANO_USD });
  for (let index = 0; index < steps; index += 1) {
    const nanoUsd = toNanoUsd(1_000_000 + index);
    const usage = { ...NO_USAGE, inputTokens: 1_000_000, outputTokens: 10_000 };
    ledger = reserved(reserved(ledger, `t${index}.a1`, nanoUsd, text(index)), `t${index}.a2`, nanoUsd, text(index));
    ledger = markUnconfirmed(ledger, `t${index}.a1`, { at }).ledger;
    ledger = settle(ledger, `t${index}.a2`, { nanoUsd, usage, requestId: text(index), at }).ledger;
    ledger = changeTerms(ledger, { freeze: false, by: text(index), reason: text(index), at });
    ledger = bookChild(ledger, { nanoUsd, workflowId: text(index), at });
  }
  return ledger;
}

test("however long a run lasts, its ledger stays within what travels in a payload", () => {
  const bytes = (steps: number) =>
    utf8Bytes(JSON.stringify(muchUsed((index) => `openai/some-model-${index % 200}-2026-08-22`, steps)));
  expect(bytes(400)).toBeLessThan(INLINE_BYTES);
  expect(bytes(4_000) - bytes(400)).toBeLessThan(2_000);
});

test("texts of any length, from people or providers, leave no large ledger behind", () => {
  const ledger = muchUsed((index) => `${index}${"\u0001€".repeat(5_000)}${index}`);
  expect(utf8Bytes(JSON.stringify(ledger))).toBeLessThan(8 * INLINE_BYTES);
  expect(Object.keys(ledger.byModel)).toHaveLength(33);
});

function asJson(ledger: Ledger): Ledger {
  return JSON.parse(JSON.stringify(ledger)) as Ledger;
}

import { expect, test } from "@jest/globals";
import {
  available,
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
  termsProblem,
} from "../../core/ledger.js";
import { budgetView, costOf } from "../../core/ledger-report.js";
import { MAX_NANO_USD, toNanoUsd } from "../../core/money.js";

const at = "2026-08-22T10:00:00.000Z";
const MAX = MAX_NANO_USD;

/** Fields of a row after the action: what it is about (an attempt, where there is one) and how much. */
type Action = (ledger: Ledger, attempt: string, amount: string) => { readonly ledger: Ledger; readonly says: string };

const nano = (text: string) => toNanoUsd(text === "max" ? MAX : Number(text));

const ACTIONS: Readonly<Record<string, Action>> = {
  reserve(ledger, attempt, amount) {
    const held = reserve(ledger, { attempt, amountNanoUsd: nano(amount), model: "a/b", at });
    if (held.kind === "reserved") return { ledger: held.ledger, says: "ok" };
    return { ledger, says: held.frozen ? "frozen" : `short ${held.shortByNanoUsd}` };
  },
  settle: (ledger, attempt, amount) => said(settle(ledger, attempt, { nanoUsd: nano(amount), at })),
  lost: (ledger, attempt) => said(markUnconfirmed(ledger, attempt, { at })),
  estimate: (ledger, attempt, amount) => said(markUnconfirmed(ledger, attempt, { nanoUsd: nano(amount), at })),
  guess: (ledger, attempt, amount) => said(estimateLate(ledger, attempt, { nanoUsd: nano(amount), at }), ledger),
  late: (ledger, attempt, amount) => said(confirmLate(ledger, attempt, { nanoUsd: nano(amount), at }), ledger),
  release: (ledger, attempt) => said(release(ledger, attempt, at)),
  add: (ledger, _, amount) => ({ ledger: changeTerms(ledger, { addNanoUsd: nano(amount), at }), says: "ok" }),
  limit: (ledger, _, amount) => ({ ledger: changeTerms(ledger, { limitNanoUsd: nano(amount), at }), says: "ok" }),
  freeze: (ledger) => ({ ledger: changeTerms(ledger, { freeze: true, at }), says: "ok" }),
  thaw: (ledger) => ({ ledger: changeTerms(ledger, { freeze: false, at }), says: "ok" }),
};

function said(booked: Booked, before?: Ledger): { ledger: Ledger; says: string } {
  const words = [
    ...(booked.overrunNanoUsd > 0 ? [`overrun ${booked.overrunNanoUsd}`] : []),
    ...(booked.softLimitCrossed ? ["soft limit"] : []),
    ...(booked.ledger === before ? ["nothing"] : []),
  ];
  return { ledger: booked.ledger, says: words.join(", ") || "ok" };
}

/**
 * Runs a table of `action [attempt] [amount] | what it says | confirmed unconfirmed reserved available`.
 * A `!` behind the figures: the limit is passed. A ledger carried as JSON after each row behaves the same.
 */
function holds(terms: { limit: number | null; soft?: number }, table: string): void {
  const limitNanoUsd = terms.limit === null ? null : toNanoUsd(terms.limit);
  let ledger = openLedger({ limitNanoUsd, softLimitNanoUsd: terms.soft === undefined ? null : toNanoUsd(terms.soft) });
  const lines = table.split("\n").filter((line) => line.trim() !== "");
  const actual = lines.map((line) => {
    const [action = "", ...args] = (line.split("|")[0] ?? "").trim().split(/\s+/);
    const act = ACTIONS[action];
    if (!act) throw new Error(`there is no action ${action}`);
    const amount = args.at(-1) ?? "";
    const done = act(ledger, args[0] ?? "", amount);
    ledger = JSON.parse(JSON.stringify(done.ledger)) as Ledger;
    expect(ledger).toEqual(done.ledger);
    return `${action} ${args.join(" ")}`.trim().concat(` | ${done.says} | ${figures(ledger)}`);
  });
  expect(actual).toEqual(lines.map((line) => line.trim().replace(/\s+/g, " ")));
}

function figures(ledger: Ledger): string {
  const { confirmedNanoUsd, unconfirmedNanoUsd, reservedNanoUsd, limitPassed } = ledger;
  const left = available(ledger) ?? "-";
  return `${confirmedNanoUsd} ${unconfirmedNanoUsd} ${reservedNanoUsd} ${left}${limitPassed ? " !" : ""}`;
}

test("a reservation is taken from what is left, and what the call did not cost comes back", () =>
  holds(
    { limit: 100 },
    `
    reserve a1 60  | ok       |  0 0 60  40
    reserve a2 41  | short 1  |  0 0 60  40
    reserve a2 40  | ok       |  0 0 100 0
    reserve a3 1   | short 1  |  0 0 100 0
    settle  a1 45  | ok       | 45 0 40  15
    settle  a2 40  | ok       | 85 0 0   15
    reserve a3 15  | ok       | 85 0 15  0
    release a3     | ok       | 85 0 0   15
    `,
  ));

test("a call that is free needs no money, and none is left over from it", () =>
  holds(
    { limit: 0 },
    `
    reserve a1 0 | ok      | 0 0 0 0
    settle  a1 0 | ok      | 0 0 0 0
    reserve a2 1 | short 1 | 0 0 0 0
    `,
  ));

test("an attempt whose bill is unknown is charged in full until its answer comes", () =>
  holds(
    { limit: 100 },
    `
    reserve a1 60 | ok       |  0  0 60 40
    lost    a1    | ok       |  0 60  0 40
    reserve a2 41 | short 1  |  0 60  0 40
    reserve a2 40 | ok       |  0 60 40  0
    late    a1 25 | ok       | 25  0 40 35
    settle  a2 30 | ok       | 55  0  0 45
    `,
  ));

test("an answer without usage is charged by bytes, and waits for nothing more", () =>
  holds(
    { limit: 100 },
    `
    reserve  a1 60 | ok        | 0  0 60  40
    estimate a1 50 | ok        | 0 50  0  50
    late     a1 10 | nothing   | 0 50  0  50
    reserve  a2 10 | ok        | 0 50 10  40
    estimate a2 12 | overrun 2 | 0 62  0  38
    `,
  ));

test("a late answer without usage frees what it cannot have cost, and confirms nothing", () =>
  holds(
    { limit: 100 },
    `
    guess   a1 5   | nothing    | 0   0  0 100
    reserve a1 60  | ok         | 0   0 60  40
    guess   a1 5   | nothing    | 0   0 60  40
    lost    a1     | ok         | 0  60  0  40
    guess   a1 25  | ok         | 0  25  0  75
    guess   a1 20  | nothing    | 0  25  0  75
    late    a1 20  | nothing    | 0  25  0  75
    reserve a2 75  | ok         | 0  25 75   0
    lost    a2     | ok         | 0 100  0   0
    guess   a2 80  | overrun 5  | 0 105  0   0 !
    `,
  ));

test("a late estimate that crosses nothing new leaves the soft limit as it was told", () =>
  holds(
    { limit: 100, soft: 40 },
    `
    reserve a1 39 | ok                     | 0  0 39 61
    lost    a1    | ok                     | 0 39  0 61
    guess   a1 41 | overrun 2, soft limit  | 0 41  0 59
    `,
  ));

test("a late answer counts once, and only for an attempt that was lost", () =>
  holds(
    { limit: 100 },
    `
    late    a1 5  | nothing |  0  0  0 100
    reserve a1 60 | ok      |  0  0 60  40
    late    a1 5  | nothing |  0  0 60  40
    lost    a1    | ok      |  0 60  0  40
    late    a1 25 | ok      | 25  0  0  75
    late    a1 25 | nothing | 25  0  0  75
    `,
  ));

test("a bill above its reservation is booked in full and reported, and nothing more is bought", () =>
  holds(
    { limit: 100 },
    `
    reserve a1 60 | ok         |  0 0 60 40
    settle  a1 90 | overrun 30 | 90 0  0 10
    reserve a2 10 | ok         | 90 0 10  0
    settle  a2 25 | overrun 15 | 115 0 0 0 !
    reserve a3 1  | short 1    | 115 0 0 0 !
    reserve a3 0  | ok         | 115 0 0 0 !
    settle  a3 0  | ok         | 115 0 0 0 !
    add     30    | ok         | 115 0 0 15
    reserve a4 15 | ok         | 115 0 15 0
    `,
  ));

test("a late answer that costs more than its reservation is booked in full and reported", () =>
  holds(
    { limit: 100 },
    `
    reserve a1 60  | ok         |   0   0 60 40
    lost    a1     | ok         |   0  60  0 40
    late    a1 110 | overrun 50 | 110   0  0  0 !
    add     20     | ok         | 110   0  0 10
    `,
  ));

test("a limit below what is booked is taken, and holds everything until it is raised", () =>
  holds(
    { limit: 100 },
    `
    reserve a1 60 | ok      |  0 0 60 40
    limit   50    | ok      |  0 0 60  0 !
    reserve a2 1  | short 1 |  0 0 60  0 !
    settle  a1 55 | ok      | 55 0  0  0 !
    limit   54    | ok      | 55 0  0  0 !
    limit   55    | ok      | 55 0  0  0
    reserve a2 1  | short 1 | 55 0  0  0
    add     5     | ok      | 55 0  0  5
    reserve a2 5  | ok      | 55 0  5  0
    `,
  ));

test("a lowered limit is no longer passed once a hold is settled for less, released or explained", () =>
  holds(
    { limit: 100 },
    `
    reserve a1 60 | ok |  0  0 60  40
    reserve a2 20 | ok |  0  0 80  20
    lost    a2    | ok |  0 20 60  20
    limit   50    | ok |  0 20 60   0 !
    release a1    | ok |  0 20  0  30
    limit   10    | ok |  0 20  0   0 !
    late    a2 5  | ok |  5  0  0   5
    reserve a3 5  | ok |  5  0  5   0
    limit   8     | ok |  5  0  5   0 !
    settle  a3 1  | ok |  6  0  0   2
    `,
  ));

test("a frozen ledger holds nothing, not even for a free call; what is under way is settled", () =>
  holds(
    { limit: 100 },
    `
    reserve a1 60 | ok     |  0 0 60 40
    freeze        | ok     |  0 0 60  0
    reserve a2 0  | frozen |  0 0 60  0
    reserve a2 1  | frozen |  0 0 60  0
    settle  a1 20 | ok     | 20 0  0  0
    add     50    | ok     | 20 0  0  0
    thaw          | ok     | 20 0  0 130
    reserve a2 1  | ok     | 20 0  1 129
    `,
  ));

test("a frozen ledger without a limit holds nothing either", () =>
  holds(
    { limit: null },
    `
    reserve a1 5 | ok     | 0 0 5 -
    freeze       | ok     | 0 0 5 0
    reserve a2 0 | frozen | 0 0 5 0
    thaw         | ok     | 0 0 5 -
    `,
  ));

test("the soft limit is told once, whatever comes after", () =>
  holds(
    { limit: 100, soft: 40 },
    `
    reserve a1 50 | ok         |  0  0 50 50
    release a1    | ok         |  0  0  0 100
    reserve a2 50 | ok         |  0  0 50 50
    lost    a2    | soft limit |  0 50  0 50
    late    a2 10 | ok         | 10  0  0 90
    add     100   | ok         | 10  0  0 190
    reserve a3 50 | ok         | 10  0 50 140
    settle  a3 50 | ok         | 60  0  0 140
    `,
  ));

test("an overrun that crosses the soft limit says both", () =>
  holds(
    { limit: 100, soft: 40 },
    `
    reserve a1 10 | ok                     |  0 0 10 90
    settle  a1 40 | overrun 30, soft limit | 40 0  0 60
    `,
  ));

test("the largest amounts are booked and refused, and never break the books", () =>
  holds(
    { limit: MAX },
    `
    reserve a1 max | ok                       | 0 0 ${MAX} 0
    reserve a2 1   | short 1                  | 0 0 ${MAX} 0
    settle  a1 1   | ok                       | 1 0 0 ${MAX - 1}
    reserve a2 max | short 1                  | 1 0 0 ${MAX - 1}
    add     max    | ok                       | 1 0 0 ${MAX - 1}
    reserve a2 5   | ok                       | 1 0 5 ${MAX - 6}
    settle  a2 max | overrun ${MAX - 5}       | ${MAX} 0 0 0
    reserve a3 0   | ok                       | ${MAX} 0 0 0
    settle  a3 max | overrun ${MAX}           | ${MAX} 0 0 0
    `,
  ));

test("without a limit the books end at the largest amount", () =>
  holds(
    { limit: null },
    `
    reserve  a1 max | ok                 | 0 0 ${MAX} -
    reserve  a2 1   | short 1            | 0 0 ${MAX} -
    lost     a1     | ok                 | 0 ${MAX} 0 -
    late     a1 7   | ok                 | 7 0 0 -
    reserve  a2 1   | ok                 | 7 0 1 -
    estimate a2 max | overrun ${MAX - 1} | 7 ${MAX - 7} 0 -
    limit    100    | ok                 | 7 ${MAX - 7} 0 0 !
    reserve  a3 0   | ok                 | 7 ${MAX - 7} 0 0 !
    lost     a3     | ok                 | 7 ${MAX - 7} 0 0 !
    guess    a3 max | overrun ${MAX}     | 7 ${MAX - 7} 0 0 !
    `,
  ));

test.each<[string, (ledger: Ledger) => unknown, RegExp]>([
  ["reserves an attempt that holds money", (ledger) => again(ledger, "held"), /held is reserved once/],
  ["reserves an attempt that is awaited", (ledger) => again(ledger, "lost"), /lost is reserved once/],
  ["settles what holds nothing", (ledger) => settle(ledger, "new", { nanoUsd: toNanoUsd(1), at }), /new holds money/],
  ["releases what holds nothing", (ledger) => release(ledger, "lost", at), /lost holds money/],
  ["loses what holds nothing", (ledger) => markUnconfirmed(ledger, "toString", { at }), /toString holds money/],
])("a bug that %s is stopped by name", (_, act, message) => {
  let ledger = openLedger({ limitNanoUsd: toNanoUsd(100) });
  for (const attempt of ["held", "lost"]) ledger = again(ledger, attempt);
  ledger = markUnconfirmed(ledger, "lost", { at }).ledger;
  expect(() => act(ledger)).toThrow(message);
});

function again(ledger: Ledger, attempt: string): Ledger {
  const held = reserve(ledger, { attempt, amountNanoUsd: toNanoUsd(10), model: "a/b", at });
  if (held.kind !== "reserved") throw new Error("short");
  return held.ledger;
}

test("late answers to names that every object has change nothing", () => {
  const ledger = openLedger({ limitNanoUsd: toNanoUsd(100) });
  for (const attempt of ["constructor", "toString", "__proto__"]) {
    for (const explain of [confirmLate, estimateLate])
      expect(explain(ledger, attempt, { nanoUsd: toNanoUsd(1), at }).ledger).toBe(ledger);
  }
});

test.each<[string, number | null, Parameters<typeof termsProblem>[1], RegExp | undefined]>([
  ["a top-up", 100, { addNanoUsd: toNanoUsd(5) }, undefined],
  ["a top-up to the largest limit", 100, { addNanoUsd: toNanoUsd(MAX - 100) }, undefined],
  [
    "a top-up beyond it",
    100,
    { addNanoUsd: toNanoUsd(MAX - 99) },
    /more than \$9,007,199, the most that a limit can be/,
  ],
  ["a top-up without a budget", null, { addNanoUsd: toNanoUsd(5) }, /no budget that could be raised/],
  ["a first limit", null, { limitNanoUsd: toNanoUsd(5) }, undefined],
  ["a freeze without a budget", null, { freeze: true }, undefined],
])("%s is taken or refused with the reason", (_, limit, terms, problem) => {
  const ledger = openLedger({ limitNanoUsd: limit === null ? null : toNanoUsd(limit) });
  if (problem) expect(termsProblem(ledger, terms)).toMatch(problem);
  else expect(termsProblem(ledger, terms)).toBeUndefined();
  expect(changeTerms(ledger, { ...terms, at }).frozen).toBe(terms.freeze ?? false);
});

const usage = { inputTokens: 10, outputTokens: 5, cachedInputTokens: 4, cacheWriteTokens: 1, reasoningTokens: 2 };

test("what each model did is told by model, an explained attempt once", () => {
  let ledger = again(openLedger({ limitNanoUsd: null, priceBook: "book" }), "a1");
  ledger = settle(ledger, "a1", { nanoUsd: toNanoUsd(7), usage, requestId: "r1", at }).ledger;
  ledger = markUnconfirmed(again(ledger, "a2"), "a2", { usage, at }).ledger;
  expect(ledger.byModel).toMatchObject({ "a/b": { calls: 2, nanoUsd: 17, inputTokens: 10 } });
  ledger = confirmLate(ledger, "a2", { nanoUsd: toNanoUsd(3), usage, unpriced: true, at }).ledger;
  expect(costOf(ledger)).toMatchObject({
    usd: "0.00000001",
    nanoUsd: 10,
    confirmedNanoUsd: 10,
    unconfirmedNanoUsd: 0,
    unpricedCalls: 1,
    priceBook: "book",
    byModel: { "a/b": { calls: 2, nanoUsd: 10, inputTokens: 20, outputTokens: 10, reasoningTokens: 4 } },
  });
});

test("a call without a price is no call at $0: its line and the budget say so, by no price book", () => {
  const open = openLedger({ limitNanoUsd: null, priceBook: "book" });
  const priced = settle(again(open, "a1"), "a1", { nanoUsd: toNanoUsd(0), usage, at }).ledger;
  expect(budgetView(priced)).not.toHaveProperty("unpricedCalls");
  expect(priced.entries.at(-1)).toEqual({ ...settled("a1"), priceBook: "book" });
  const { ledger } = settle(again(priced, "a2"), "a2", { nanoUsd: toNanoUsd(0), usage, unpriced: true, at });
  expect(budgetView(ledger)).toMatchObject({ spentNanoUsd: 0, unpricedCalls: 1 });
  expect(ledger.entries.at(-1)).toEqual({ ...settled("a2"), unpriced: true });
});

const settled = (attempt: string) => ({ at, kind: "settled", attempt, model: "a/b", nanoUsd: 0, usage });

test("an attempt that a late estimate explains is told by its usage, once, and stays unconfirmed", () => {
  let ledger = again(openLedger({ limitNanoUsd: null }), "a1");
  ledger = markUnconfirmed(ledger, "a1", { at }).ledger;
  ledger = estimateLate(ledger, "a1", { nanoUsd: toNanoUsd(3), usage, requestId: "r1", at }).ledger;
  expect(costOf(ledger)).toMatchObject({
    nanoUsd: 3,
    confirmedNanoUsd: 0,
    unconfirmedNanoUsd: 3,
    byModel: { "a/b": { calls: 1, nanoUsd: 3, inputTokens: 10, outputTokens: 5 } },
  });
  const line = { at, kind: "unconfirmed", attempt: "a1", model: "a/b", nanoUsd: 3, usage, requestId: "r1" };
  expect(budgetView(ledger).entries.at(-1)).toEqual(line);
});

test("the tree's cost has the children's, which no limit of the run covers", () => {
  const child = { nanoUsd: toNanoUsd(500), workflowId: "w2", at };
  const ledger = bookChild(openLedger({ limitNanoUsd: toNanoUsd(100) }), child);
  expect(costOf(ledger)).toMatchObject({ nanoUsd: 0, treeNanoUsd: 500 });
  expect(costOf(bookChild(ledger, { ...child, nanoUsd: MAX }))).toMatchObject({ treeNanoUsd: MAX });
  expect(available(ledger)).toBe(100);
});

test("the budget is shown with what is left and the last lines of the books", () => {
  const ledger = markUnconfirmed(again(again(openLedger({ limitNanoUsd: toNanoUsd(100) }), "a1"), "a2"), "a1", { at });
  expect(budgetView(ledger.ledger)).toEqual({
    limitNanoUsd: 100,
    spentNanoUsd: 0,
    reservedNanoUsd: 10,
    unconfirmedNanoUsd: 10,
    remainingNanoUsd: 80,
    frozen: false,
    entries: [
      { at, kind: "reserved", attempt: "a1", model: "a/b", nanoUsd: 10 },
      { at, kind: "reserved", attempt: "a2", model: "a/b", nanoUsd: 10 },
      { at, kind: "unconfirmed", attempt: "a1", model: "a/b", nanoUsd: 10 },
    ],
  });
});

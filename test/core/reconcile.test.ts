import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { AttemptsFold } from "../../core/attempts-fold.js";
import { type OurAttempt, reconcile, type TheirRequest } from "../../core/reconcile.js";
import { NO_USAGE } from "../../core/usage.js";

const MINUTE = 60_000;
const usage = (inputTokens: number, outputTokens: number) => ({ ...NO_USAGE, inputTokens, outputTokens });

const our = (more: Partial<OurAttempt> = {}): OurAttempt => ({
  workflowId: "run",
  firstRunId: "first",
  attempt: "t1.a1",
  model: "openai/gpt-6-luna",
  account: null,
  atMs: 10 * MINUTE,
  requestId: "req-1",
  usage: usage(100, 10),
  confirmedNanoUsd: 5_000,
  unconfirmedNanoUsd: 0,
  ...more,
});
const lost = (more: Partial<OurAttempt> = {}): OurAttempt => {
  const { requestId: _id, usage: _usage, ...rest } = our({ confirmedNanoUsd: 0, unconfirmedNanoUsd: 9_000, ...more });
  return { ...rest, ...(more.requestId === undefined ? {} : { requestId: more.requestId }) };
};
let line = 0;
const their = (more: Partial<TheirRequest> = {}): TheirRequest => {
  line += 1;
  return {
    line,
    requestId: "req-1",
    model: "gpt-6-luna-2026-08-01",
    atMs: 10 * MINUTE,
    usage: usage(100, 10),
    ...more,
  };
};
/** First and last of a list that covers twenty minutes. */
const frame = [their({ requestId: "first", atMs: 0 }), their({ requestId: "last", atMs: 20 * MINUTE })];
const framed = (theirs: readonly TheirRequest[]) => [frame[0] as TheirRequest, ...theirs, frame[1] as TheirRequest];
const whole = { complete: true, withinMs: 5 * MINUTE };

describe("requests and attempts with one id", () => {
  test("match where tokens and money are the same; money counts only where the list has it", () => {
    expect(reconcile([their()], [our()], whole)).toMatchObject({ matched: 1, drifts: [], missingHere: [] });
    expect(reconcile([their({ nanoUsd: 5_000 })], [our()], whole)).toMatchObject({ matched: 1, drifts: [] });
  });

  test.each<[string, Partial<TheirRequest>, object]>([
    ["tokens", { usage: usage(103, 9) }, { inputTokens: 3, outputTokens: -1, nanoUsd: null }],
    ["money", { nanoUsd: 4_999 }, { inputTokens: 0, outputTokens: 0, nanoUsd: -1 }],
  ])("drift where %s differ", (_, more, drift) => {
    expect(reconcile([their(more)], [our()], whole).drifts).toEqual([expect.objectContaining(drift)]);
  });

  test("that stand as unconfirmed are explained by the list", () => {
    const found = reconcile([their({ usage: usage(7, 8) })], [lost({ requestId: "req-1" })], whole);
    expect(found).toMatchObject({ matched: 0, explained: [{ theirs: { usage: { inputTokens: 7 } } }], open: [] });
  });

  test("count once where the list has them twice, and are told where the two contradict each other", () => {
    const one = their();
    expect(reconcile([one, { ...one, line: 99 }], [our()], whole)).toMatchObject({ matched: 1, contradictions: [] });
    const other = their({ usage: usage(1, 1) });
    expect(reconcile([one, other], [our()], whole)).toMatchObject({ matched: 1, drifts: [], contradictions: [other] });
  });
});

describe("what one side alone has", () => {
  test("of a list that may be partial says nothing of what it lacks", () => {
    const found = reconcile(framed([]), [our(), lost({ attempt: "t2.a1" })], { ...whole, complete: false });
    expect(found).toMatchObject({ missingThere: [], explained: [], open: [{ attempt: "t2.a1" }] });
    expect(found.missingHere.map(({ requestId }) => requestId)).toEqual(["first", "last"]);
  });

  test("of a whole list is missing there, within its time and for its models", () => {
    const ours = [
      our(),
      our({ attempt: "t9.a1", atMs: 30 * MINUTE }),
      our({ attempt: "t8.a1", model: "anthropic/claude" }),
    ];
    expect(reconcile(framed([]), ours, whole).missingThere).toEqual([ours[0]]);
  });
});

describe("an attempt whose request nobody heard of, beside a whole list,", () => {
  const odd = (n: number, atMs = 10 * MINUTE) => their({ requestId: `odd-${n}`, atMs });
  test("was not billed where no request is left over near its time", () => {
    expect(reconcile(framed([]), [lost()], whole).explained).toEqual([{ ours: lost() }]);
    expect(reconcile(framed([odd(1, 1 * MINUTE)]), [lost()], whole).explained).toEqual([{ ours: lost() }]);
  });

  test("is the only request that is left over near its time", () => {
    const request = odd(1, 12 * MINUTE);
    const found = reconcile(framed([request]), [lost()], whole);
    expect(found.explained).toEqual([{ ours: lost(), theirs: request }]);
    expect(found.missingHere).not.toContain(request);
  });

  test("stays open where two requests, or two attempts, could be the one", () => {
    expect(reconcile(framed([odd(1), odd(2)]), [lost()], whole)).toMatchObject({ explained: [], open: [lost()] });
    const two = [lost(), lost({ attempt: "t2.a1" })];
    expect(reconcile(framed([odd(1)]), two, whole)).toMatchObject({ explained: [], open: two });
  });

  test("stays open near the ends of the list, and for models that it does not have", () => {
    const late = lost({ atMs: 16 * MINUTE });
    const other = lost({ model: "anthropic/claude-opus" });
    expect(reconcile(framed([]), [late, other], whole)).toMatchObject({ explained: [], open: [late, other] });
  });
});

test("whatever the order of lines and attempts, each attempt and each request has one place", () => {
  const request = fc.record({
    id: fc.integer({ min: 0, max: 6 }),
    at: fc.integer({ min: 0, max: 20 }),
    known: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(request, { maxLength: 12 }),
      fc.array(request, { maxLength: 8 }),
      fc.boolean(),
      (a, b, complete) => {
        const theirs = a.map(({ id, at }) => their({ requestId: `req-${id}-${at}`, atMs: at * MINUTE }));
        const ours = b.map(({ id, at, known }, index) => {
          const attempt = { attempt: `t${index + 1}.a1`, atMs: at * MINUTE };
          return known ? our({ ...attempt, requestId: `req-${id}-${index}` }) : lost(attempt);
        });
        const found = reconcile(theirs, ours, { complete, withinMs: 2 * MINUTE });
        const unconfirmed = ours.filter(({ unconfirmedNanoUsd }) => unconfirmedNanoUsd > 0);
        expect(found.explained.length + found.open.length).toBe(unconfirmed.length);
        const usedTwice = found.explained.flatMap(({ theirs: one }) => (one ? [one] : []));
        expect(new Set(usedTwice).size).toBe(usedTwice.length);
        const backwards = reconcile([...theirs].reverse(), [...ours].reverse(), { complete, withinMs: 2 * MINUTE });
        const freed = (one: typeof found) => one.explained.map(({ ours: { attempt } }) => attempt).sort();
        expect(freed(backwards).length).toBe(freed(found).length);
      },
    ),
    { numRuns: 300 },
  );
});

test("attempts are read out of events, each once; a late answer closes what was open", () => {
  const event = (n: number, data: object, type = "wflo.model.called") => ({
    id: `a/b/first/${n}`,
    type,
    time: "2026-11-25T10:00:00.000Z",
    data,
  });
  const events = [
    event(1, { agent: "x", account: "acme" }, "wflo.run.started"),
    event(2, { turn: 1, attempt: 1, model: "openai/a", outcome: "lost", nanoUsd: 0, unconfirmedNanoUsd: 50 }),
    event(3, {
      turn: 1,
      attempt: 2,
      model: "openai/a",
      outcome: "ok",
      nanoUsd: 7,
      requestId: "r2",
      usage: usage(1, 2),
    }),
    event(4, {
      turn: 1,
      attempt: 1,
      model: "openai/a",
      outcome: "late",
      nanoUsd: 20,
      unconfirmedNanoUsd: -50,
      requestId: "r1",
    }),
    event(5, { turn: 2, attempt: 1, model: "openai/a", outcome: "ok", cached: true, nanoUsd: 0 }),
    event(6, { outcome: "fell back", to: "openai/b" }),
  ];
  const fold = new AttemptsFold();
  for (const one of [...events, ...events, null, "x"]) fold.add(one);
  expect(fold.attempts()).toMatchObject([
    {
      workflowId: "a/b",
      firstRunId: "first",
      attempt: "t1.a1",
      account: "acme",
      requestId: "r1",
      confirmedNanoUsd: 20,
      unconfirmedNanoUsd: 0,
    },
    { attempt: "t1.a2", requestId: "r2", confirmedNanoUsd: 7, unconfirmedNanoUsd: 0, usage: { inputTokens: 1 } },
  ]);
});

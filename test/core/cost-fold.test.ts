import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { CostFold, type CostGroup, totalOf } from "../../core/cost-fold.js";

let sequence = 0;
const event = (run: string, type: string, data: object, time = "2026-11-25T10:00:00.000Z") => {
  sequence += 1;
  return { id: `${run}/first/${sequence}`, type, time, data };
};
const started = (run: string, agent: string, account?: string, time?: string) =>
  event(run, "wflo.run.started", { agent, ...(account === undefined ? {} : { account }) }, time);
const usage = { inputTokens: 10, cachedInputTokens: 4, cacheWriteTokens: 1, outputTokens: 3, reasoningTokens: 2 };
const called = (run: string, model: string, data: object, time?: string) =>
  event(run, "wflo.model.called", { model, outcome: "ok", ...data }, time);

function fold(events: readonly unknown[], since?: string): CostFold {
  const costs = new CostFold(since);
  for (const one of events) costs.add(one);
  return costs;
}

const LOG = [
  started("r1", "helper", "acme"),
  called("r1", "openai/a", { nanoUsd: 100, usage }),
  called("r1", "openai/b", { nanoUsd: 7, usage }, "2026-11-26T00:00:00.000Z"),
  started("r2", "helper"),
  called("r2", "openai/a", { nanoUsd: 0, unconfirmedNanoUsd: 50, outcome: "lost" }),
  called("r2", "openai/a", { nanoUsd: 20, unconfirmedNanoUsd: -50, outcome: "late", usage }),
  called("r2", "openai/a", { nanoUsd: 0, cached: true, savedNanoUsd: 33 }),
  started("r3", "writer"),
  event("r3", "wflo.tool.called", { tool: "search", nanoUsd: 5 }),
  event("r3", "wflo.tool.called", { tool: "free" }),
  event("r3", "wflo.model.called", { outcome: "fell back", to: "openai/b" }),
  called("r3", "local/x", { nanoUsd: 0, unpriced: true, usage }),
];

const table = (costs: CostFold, by: CostGroup) =>
  costs.report(by).rows.map((row) => [row.key, row.runs, row.calls, row.confirmedNanoUsd, row.unconfirmedNanoUsd]);

describe("costs", () => {
  test.each<[CostGroup, (string | number | null)[][]]>([
    [
      "agent",
      [
        ["helper", 2, 4, 127, 0],
        ["writer", 1, 2, 5, 0],
      ],
    ],
    [
      "account",
      [
        ["acme", 1, 2, 107, 0],
        [null, 2, 4, 25, 0],
      ],
    ],
    [
      "model",
      [
        ["openai/a", 2, 3, 120, 0],
        ["openai/b", 1, 1, 7, 0],
        ["tool/search", 1, 1, 5, 0],
        ["local/x", 1, 1, 0, 0],
      ],
    ],
    [
      "day",
      [
        ["2026-11-26", 1, 1, 7, 0],
        ["2026-11-25", 3, 5, 125, 0],
      ],
    ],
  ])("by %s", (by, rows) => {
    expect(table(fold(LOG), by)).toEqual(rows);
    expect(totalOf(fold(LOG).report(by).rows)).toMatchObject({
      nanoUsd: 132,
      usd: "0.000000132",
      savedNanoUsd: 33,
      unpricedCalls: 1,
      inputTokens: 40,
      reasoningTokens: 8,
    });
  });

  test("count an event once, however often it comes and in whatever order", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...LOG, ...LOG, ...LOG], { minLength: 3 * LOG.length }), (events) => {
        for (const by of ["agent", "model", "account", "day"] as const) {
          expect(fold(events).report(by)).toEqual(fold(LOG).report(by));
        }
      }),
      { numRuns: 50 },
    );
  });

  test("from some time on: whose a run is, is known from before", () => {
    const costs = fold(LOG, "2026-11-25T12:00:00.000Z");
    expect(table(costs, "agent")).toEqual([["helper", 1, 1, 7, 0]]);
    expect(costs.report("agent")).toMatchObject({
      from: "2026-11-26T00:00:00.000Z",
      until: "2026-11-26T00:00:00.000Z",
    });
  });

  test("of nothing are nothing, and what is no event is left out", () => {
    const costs = fold([
      null,
      7,
      "x",
      {},
      { id: 1, type: "t", time: "x", data: {} },
      { id: "a/1", type: "t", time: "x" },
    ]);
    expect(costs.report("agent")).toEqual({ from: undefined, until: undefined, rows: [] });
  });

  test("of a run whose beginning the log does not have are nobody's, and figures that are none count nothing", () => {
    const odd = [
      called("r9", "m", { nanoUsd: 5 }),
      called("r9", "m", { nanoUsd: "7" }),
      called("r9", "m", { nanoUsd: Number.POSITIVE_INFINITY }),
      called("r9", "m", { nanoUsd: 0, unconfirmedNanoUsd: -9, outcome: "late" }),
    ];
    expect(table(fold(odd), "agent")).toEqual([[null, 1, 3, 5, 0]]);
  });
});

import { afterEach, expect, test } from "@jest/globals";
import { createPrometheusMeters } from "../../adapters/prometheus/meters.js";
import { COST_GROUPS, CostFold, totalOf } from "../../core/cost-fold.js";
import type { CostReport } from "../../core/ledger-report.js";
import { toNanoUsd } from "../../core/money.js";
import { NO_USAGE } from "../../core/usage.js";
import { ModelCallFailed, type ModelRequest } from "../../ports/models.js";
import { workflowSinks } from "../../workers/workflow-sinks.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { deferred } from "../harness/deferred.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

const saidTo = ({ messages }: ModelRequest) => (messages[0]?.role === "user" ? messages[0].text : "");
const tool = (name: string) => ({ toolCalls: [{ id: name, name, args: {} }] });

/** What a counter says in all, in nano-dollars; dollars are added up in floating point there. */
function counted(text: string, name: string): number {
  const values = text
    .split("\n")
    .flatMap((line) => (line.startsWith(`${name}{`) ? [Number(line.split(" ").at(-1))] : []));
  return Math.round(values.reduce((sum, value) => sum + value, 0) * 1e9);
}

test("the runs' books, their events, the metrics and `wflo cost` agree to the nano-dollar, whatever became of the calls", async () => {
  const late = deferred();
  const meters = createPrometheusMeters();
  const asked = new Map<string, number>();
  const models = plainModels(async (request) => {
    const said = String(saidTo(request));
    const times = (asked.get(said) ?? 0) + 1;
    asked.set(said, times);
    if (said === "late" && times === 1) await late.promise;
    if (said === "late without usage" && times === 1) {
      await late.promise;
      return { text: "slow", usage: undefined as never };
    }
    if (said === "lost" && times === 1) throw new ModelCallFailed("cut", { kind: "retry", billed: "unknown" });
    if (said === "cached")
      return { text: "ok", usage: { ...NO_USAGE, inputTokens: 997, cachedInputTokens: 800, outputTokens: 3 } };
    if (said.startsWith("tool ") && request.turn === 1) return tool(said.slice(5));
    return { text: "done" };
  });
  const tools = [
    { name: "told", maxCostNanoUsd: toNanoUsd(7_000_001), execute: async () => ({ costUsd: "0.001234567" }) },
    { name: "untold", maxCostNanoUsd: toNanoUsd(3_000_003), execute: async () => ({}) },
    { name: "failing", maxCostNanoUsd: toNanoUsd(5), execute: async () => await Promise.reject(new Error("broken")) },
  ];
  worker = await startAgentWorker({ models, tools, agent: { modelTimeoutMs: 2_500 }, sinks: workflowSinks(meters) });
  const { start, published } = worker;
  const inputs = ["plain", "cached", "tool told", "tool untold", "tool failing", "lost", "late", "late without usage"];
  const runs = await Promise.all(
    inputs.map(async (input) => await start({ agent: "tester", input, budget: { limitUsd: "0.01" } })),
  );
  for (const run of runs.slice(-2)) {
    await eventually(async () => expect(await run.query("budget")).toMatchObject({ unconfirmedNanoUsd: 1_100_000 }));
  }
  late.resolve();
  const costs: CostReport[] = [];
  for (const run of runs) costs.push((await run.result()).cost);

  const sum = (pick: (cost: CostReport) => number) => costs.reduce((total, cost) => total + pick(cost), 0);
  const confirmed = sum((cost) => cost.confirmedNanoUsd);
  const unconfirmed = sum((cost) => cost.unconfirmedNanoUsd);
  expect(unconfirmed).toBeGreaterThan(3_000_003 + 5);
  expect(sum((cost) => cost.nanoUsd)).toBe(confirmed + unconfirmed);

  const events = new Map<string, { nanoUsd?: number; unconfirmedNanoUsd?: number }>();
  for (const { topic, value } of published) {
    const { id, type, data } = JSON.parse(value);
    if (topic === "wflo.events" && /^wflo\.(model|tool)\.called$/.test(type)) events.set(id, data);
  }
  const told = (pick: "nanoUsd" | "unconfirmedNanoUsd") =>
    [...events.values()].reduce((total, data) => total + (data[pick] ?? 0), 0);
  expect([told("nanoUsd"), told("unconfirmedNanoUsd")]).toEqual([confirmed, unconfirmed]);

  const report = new CostFold();
  for (const { value } of published) report.add(JSON.parse(value));
  for (const by of COST_GROUPS) {
    const total = totalOf(report.report(by).rows);
    expect([by, total.confirmedNanoUsd, total.unconfirmedNanoUsd]).toEqual([by, confirmed, unconfirmed]);
  }

  const { text } = await meters.render();
  const standing = counted(text, "wflo_cost_unconfirmed_usd_total") - counted(text, "wflo_cost_explained_usd_total");
  expect([counted(text, "wflo_cost_usd_total"), standing]).toEqual([confirmed, unconfirmed]);
}, 60_000);

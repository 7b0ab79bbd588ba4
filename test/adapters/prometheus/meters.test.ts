import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { createPrometheusMeters } from "../../../adapters/prometheus/meters.js";
import { METRICS } from "../../../adapters/prometheus/metrics.js";
import { Violation } from "../../../core/invariant.js";
import { findOnPath, packageRoot } from "../../../workers/tool-finder.js";
import { readExposition } from "./exposition.js";

const MODEL = { provider: "openai", model: "openai/gpt-5-mini" };

test("counts add up, durations fall into buckets, and the answer says its content type", async () => {
  const meters = createPrometheusMeters();
  meters.count("wflo_model_calls_total", { ...MODEL, outcome: "ok" });
  meters.count("wflo_model_calls_total", { ...MODEL, outcome: "ok" }, 2);
  meters.observe("wflo_model_call_duration_seconds", MODEL, 0.2);
  meters.observe("wflo_model_call_duration_seconds", MODEL, 7);
  const { contentType, text } = await meters.render();
  expect(contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
  const families = readExposition(text);
  const labels = 'provider="openai",model="openai/gpt-5-mini"';
  expect(families.get("wflo_model_calls_total")?.samples).toEqual(
    new Map([[`wflo_model_calls_total{${labels},outcome="ok"}`, 3]]),
  );
  const durations = families.get("wflo_model_call_duration_seconds")?.samples;
  expect(durations?.get(`wflo_model_call_duration_seconds_bucket{le="0.25",${labels}}`)).toBe(1);
  expect(durations?.get(`wflo_model_call_duration_seconds_sum{${labels}}`)).toBe(7.2);
});

test("every metric can be measured, and the text passes a strict reader and promtool where there is one", async () => {
  const meters = createPrometheusMeters();
  for (const [name, row] of Object.entries(METRICS)) {
    const labels = Object.fromEntries(row.labels.map((label) => [label, `a "quoted\\ ${label}\nof two lines`]));
    if (row.kind === "counter") meters.count(name, labels, 1.5);
    else if (row.kind === "gauge") meters.set(name, labels, 1.5);
    else meters.observe(name, labels, 1.5);
  }
  const { text } = await meters.render();
  const families = readExposition(text);
  expect([...families.keys()].sort()).toEqual(Object.keys(METRICS).sort());
  for (const [name, { kind, samples }] of families) {
    expect({ name, kind, measured: samples.size > 0 }).toEqual({ name, kind: kindOf(name), measured: true });
  }
  const promtool = findOnPath("promtool");
  if (promtool !== undefined) {
    const lint = spawnSync(promtool, ["check", "metrics"], { input: text, encoding: "utf8" });
    expect({ status: lint.status, output: lint.stdout + lint.stderr }).toEqual({ status: 0, output: "" });
  }
});

test.each([
  ["a sample without help", "a_total 1\n"],
  ["a sample of another family", "# HELP a_total x\n# TYPE a_total counter\nb_total 1\n"],
  ["a series twice", "# HELP a_total x\n# TYPE a_total counter\na_total 1\na_total 1\n"],
  ["a label without quotes", "# HELP a_total x\n# TYPE a_total counter\na_total{b=c} 1\n"],
  ["no number", "# HELP a_total x\n# TYPE a_total counter\na_total one\n"],
  [
    "buckets that shrink",
    '# HELP a x\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
  ],
])("the strict reader refuses %s", (_case, text) => {
  expect(() => readExposition(text)).toThrow();
});

test.each([
  ["an unknown name", "wflo_nonsense_total", {}, "the metric wflo_nonsense_total is in the table"],
  ["a label too few", "wflo_runs_closed_total", { agent: "a" }, "has the labels agent, status, not agent"],
  ["a wrong label", "wflo_runs_started_total", { run: "a" }, "has the labels agent, not run"],
  ["an observation", "wflo_run_duration_seconds", { agent: "a" }, "wflo_run_duration_seconds is a counter"],
  ["a name of every object", "toString", {}, "toString"],
])("counting %s is a bug of ours that is named", (_case, name, labels, message) => {
  expect(() => createPrometheusMeters().count(name, labels as Record<string, string>)).toThrow(message);
});

test.each([Number.NaN, -1, Number.POSITIVE_INFINITY])("counting by %d is a bug of ours", (by) => {
  const meters = createPrometheusMeters();
  expect(() => meters.count("wflo_runs_started_total", { agent: "a" }, by)).toThrow(Violation);
});

test("a worker may have violations told instead of thrown, so that a bug in a measurement fails no run", async () => {
  const told: string[] = [];
  const meters = createPrometheusMeters({ onViolation: (violation) => told.push(violation.message) });
  meters.count("wflo_nonsense_total", {});
  meters.count("wflo_runs_started_total", { agent: "a" });
  expect(told).toEqual([expect.stringContaining("wflo_nonsense_total")]);
  expect((await meters.render()).text).toContain('wflo_runs_started_total{agent="a"} 1');
});

test("a label has at most 200 values: the rest is counted as other, nothing is lost, and one line says so", async () => {
  const told: string[] = [];
  const meters = createPrometheusMeters({ onOverflow: (message) => told.push(message) });
  for (let run = 0; run < 10_000; run += 1) {
    meters.count("wflo_model_calls_total", { provider: "p", model: `p/${run}`, outcome: "ok" });
  }
  meters.count("wflo_model_calls_total", { provider: "p", model: "p/0", outcome: "ok" });
  const samples = readExposition((await meters.render()).text).get("wflo_model_calls_total")?.samples ?? new Map();
  expect(samples.size).toBe(201);
  expect(samples.get('wflo_model_calls_total{provider="p",model="other",outcome="ok"}')).toBe(9_800);
  expect(samples.get('wflo_model_calls_total{provider="p",model="p/0",outcome="ok"}')).toBe(2);
  expect(told).toEqual(['the metrics\' label model has more than 200 values; others are counted as "other"']);
});

test("docs/reference/metrics.md has every metric with its labels, kind and meaning, and no other", () => {
  const text = readFileSync(join(packageRoot(), "docs/reference/metrics.md"), "utf8");
  const documented = text.split("\n").filter((line) => line.startsWith("| `"));
  const declared = Object.entries(METRICS).map(([name, { kind, labels, help }]) => {
    const named = labels.length > 0 ? `{${labels.join(",")}}` : "";
    return `| \`${name}${named}\` | ${kind} | ${help} |`;
  });
  expect(declared.length).toBeGreaterThan(10);
  expect(documented.sort()).toEqual(declared.sort());
});

function kindOf(name: string): string {
  return METRICS[name as keyof typeof METRICS].kind;
}

test("names of what is there by the settings are kept, whatever others came before", async () => {
  const meters = createPrometheusMeters();
  meters.know("agent", ["mine"]);
  for (let run = 0; run < 10_000; run += 1) meters.count("wflo_runs_started_total", { agent: `nobody-${run}` });
  meters.count("wflo_runs_started_total", { agent: "mine" });
  meters.count("wflo_runs_started_total", { agent: "late" });
  const samples = readExposition((await meters.render()).text).get("wflo_runs_started_total")?.samples ?? new Map();
  expect(samples.get('wflo_runs_started_total{agent="mine"}')).toBe(1);
  expect(samples.get('wflo_runs_started_total{agent="other"}')).toBe(9_801);
});

test("where all names are known, any other is other", async () => {
  const meters = createPrometheusMeters();
  meters.know("agent", ["mine"], { areAll: true });
  for (const agent of ["mine", "nobody", "mine", "nobody-else"]) meters.count("wflo_runs_started_total", { agent });
  const samples = readExposition((await meters.render()).text).get("wflo_runs_started_total")?.samples;
  expect(samples).toEqual(
    new Map([
      ['wflo_runs_started_total{agent="mine"}', 2],
      ['wflo_runs_started_total{agent="other"}', 2],
    ]),
  );
});

describe("OpenMetrics", () => {
  const CORE = `# HELP temporal_request_total requests
# TYPE temporal_request_total counter
temporal_request_total{operation="Poll"} 3
# HELP temporal_total a gauge
# TYPE temporal_total gauge
temporal_total 1
`;

  test("has the same figures, the others' too, and what leads to a trace", async () => {
    const ids = { trace_id: "0af7651916cd43dd8448eb211c80319c", span_id: "b7ad6b7169203331" };
    const meters = createPrometheusMeters({ exemplar: () => ids });
    meters.count("wflo_model_calls_total", { ...MODEL, outcome: "ok" });
    meters.observe("wflo_model_call_duration_seconds", MODEL, 0.2);
    const { contentType, text } = await meters.render("open-metrics", CORE);
    expect(contentType).toMatch(/^application\/openmetrics-text; version=1/);
    const lines = text.split("\n");
    expect(lines.slice(-2)).toEqual(["# EOF", ""]);
    expect(lines.filter((line) => line === "# EOF")).toHaveLength(1);
    expect(lines).toContain("# TYPE wflo_model_calls counter");
    expect(lines).toContain("# TYPE temporal_request counter");
    expect(lines).toContain('temporal_request_total{operation="Poll"} 3');
    expect(lines).toContain("# TYPE temporal_total gauge");
    const bucket = lines.find((line) => line.startsWith('wflo_model_call_duration_seconds_bucket{le="0.25"'));
    expect(bucket).toMatch(/ 1 # \{trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"\} 0\.2 \d+/);
    // The older form has no place for it.
    expect((await meters.render("prometheus", CORE)).text).not.toMatch(/trace_id|EOF/);
  });

  test("what belongs to no stored trace has no exemplar", async () => {
    const meters = createPrometheusMeters({ exemplar: () => undefined });
    meters.observe("wflo_model_call_duration_seconds", MODEL, 0.2);
    expect((await meters.render("open-metrics")).text).not.toContain(" # {");
  });
});

test("money is added up to the nano-dollar, however often", async () => {
  const meters = createPrometheusMeters();
  const labels = { ...MODEL, account: "" };
  for (let call = 0; call < 100_000; call += 1) meters.count("wflo_cost_usd_total", labels, 0.1);
  meters.count("wflo_cost_usd_total", labels, 0.000_000_001);
  for (const _again of [1, 2])
    expect((await meters.render()).text).toMatch(/^wflo_cost_usd_total\{.*\} 10000\.000000001$/m);
});

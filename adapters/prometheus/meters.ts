import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { invariant, Violation } from "../../core/invariant.js";
import type { Labels, Meters } from "../../ports/meters.js";

interface MetricRow {
  readonly kind: "counter" | "histogram" | "gauge";
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds in seconds, of a histogram. */
  readonly buckets?: readonly number[];
}

const CALL_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300];
const RUN_SECONDS = [1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400, 604_800];
const WAIT_SECONDS = [10, 60, 300, 900, 3_600, 14_400, 43_200, 86_400, 259_200, 604_800];

/** Every metric of a Wflo process, as CONTRACT 'Metrics' and docs/reference/metrics.md have them. */
export const METRICS = {
  wflo_runs_started_total: { kind: "counter", labels: ["agent"], help: "Runs that started." },
  wflo_runs_closed_total: { kind: "counter", labels: ["agent", "status"], help: "Runs that ended, by how." },
  wflo_run_duration_seconds: {
    kind: "histogram",
    labels: ["agent"],
    help: "From a run's start to its end, waiting for people included.",
    buckets: RUN_SECONDS,
  },
  wflo_model_calls_total: {
    kind: "counter",
    labels: ["provider", "model", "outcome"],
    help: "Attempts to call a model, by outcome: ok, or the kind of failure.",
  },
  wflo_model_call_duration_seconds: {
    kind: "histogram",
    labels: ["provider", "model"],
    help: "One attempt to call a model, until its answer is journalled or it has failed.",
    buckets: CALL_SECONDS,
  },
  wflo_model_tokens_total: {
    kind: "counter",
    labels: ["provider", "model", "kind"],
    help: "Tokens by kind: input, output, cached_input, cache_write, reasoning.",
  },
  wflo_cost_usd_total: {
    kind: "counter",
    labels: ["provider", "model", "account"],
    help: "Cost in US dollars that providers and tools have confirmed, as runs booked it.",
  },
  wflo_cost_unconfirmed_usd_total: {
    kind: "counter",
    labels: ["provider", "model", "account"],
    help: "Cost in US dollars of attempts that may have been billed, as runs booked it.",
  },
  wflo_cost_explained_usd_total: {
    kind: "counter",
    labels: ["provider", "model", "account"],
    help: "Of the unconfirmed cost, what late answers have explained since: it is confirmed, or was never billed.",
  },
  wflo_model_changes_total: {
    kind: "counter",
    labels: ["from", "to", "why"],
    help: "Runs that went on with another model: budget (a cheaper one, as the money ran short), unavailable.",
  },
  wflo_model_cache_total: {
    kind: "counter",
    labels: ["result"],
    help: "Questions of agents with a cache, by result: hit, miss, away (Redis could not be asked).",
  },
  wflo_unpriced_calls_total: {
    kind: "counter",
    labels: ["provider", "model"],
    help: "Calls of models without a price, which no cost has.",
  },
  wflo_model_circuit_open: {
    kind: "gauge",
    labels: ["provider"],
    help: "1 while a provider that has failed too often in a row is left alone, else 0.",
  },
  wflo_budget_remaining_usd: {
    kind: "gauge",
    labels: ["account"],
    help: "What an account has neither spent nor leased, in US dollars.",
  },
  wflo_tool_calls_total: { kind: "counter", labels: ["tool", "outcome"], help: "Tool calls that ran: ok or error." },
  wflo_sandbox_executions_total: {
    kind: "counter",
    labels: ["backend", "outcome"],
    help: "Executions of code in a sandbox: ok, error, timeout, or the limit that was hit.",
  },
  wflo_sandbox_duration_seconds: {
    kind: "histogram",
    labels: ["backend"],
    help: "One execution of code in a sandbox.",
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
  },
  wflo_approvals_total: { kind: "counter", labels: ["decision"], help: "Gates that people decided, by decision." },
  wflo_approval_wait_seconds: {
    kind: "histogram",
    labels: [],
    help: "From a gate's opening to its decision.",
    buckets: WAIT_SECONDS,
  },
  wflo_events_published_total: {
    kind: "counter",
    labels: ["outcome"],
    help: "Events and audit records handed to the event log: ok, or error (they go out again).",
  },
  wflo_triggers_total: {
    kind: "counter",
    labels: ["trigger", "outcome"],
    help: "Events that triggers acted on: started, duplicate, signaled, filtered, or refused (to the dead letters).",
  },
} as const satisfies Record<string, MetricRow>;

/** Values of one label beyond this many are counted under `other`: a series a model name must not fill the memory. */
const LABEL_VALUES_MAX = 200;
const LABEL_CHARACTERS_MAX = 128;

export interface PrometheusMeters extends Meters {
  /** The body of `/metrics`. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/**
 * @param onViolation what to do with a measurement that no row of the table fits, a bug of ours; without it, it is thrown
 */
export function createPrometheusMeters({
  onViolation = rethrow,
}: {
  readonly onViolation?: (violation: Violation) => void;
} = {}): PrometheusMeters {
  const registry = new Registry();
  const bounded = createLabelBound();
  const instruments = new Map(Object.entries(METRICS).map(([name, row]) => [name, instrument(name, row, registry)]));
  const measure = (name: string, kind: MetricRow["kind"], labels: Labels, value: number) => {
    try {
      const row: MetricRow | undefined = (METRICS as Record<string, MetricRow>)[name];
      invariant(row !== undefined, `the metric ${name} is in the table`);
      invariant(row.kind === kind, `${name} is a ${kind}`);
      const given = Object.keys(labels);
      invariant(
        given.length === row.labels.length && row.labels.every((label) => given.includes(label)),
        `${name} has the labels ${row.labels.join(", ") || "none"}, not ${given.join(", ") || "none"}`,
      );
      invariant(Number.isFinite(value) && (value >= 0 || kind === "gauge"), `${name} takes ${value}`);
      instruments.get(name)?.(bounded(labels), value);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      onViolation(error);
    }
  };
  return {
    count: (name, labels, by = 1) => measure(name, "counter", labels, by),
    observe: (name, labels, seconds) => measure(name, "histogram", labels, seconds),
    set: (name, labels, value) => measure(name, "gauge", labels, value),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

type Recording = (labels: Record<string, string>, value: number) => void;

function instrument(name: string, row: MetricRow, registry: Registry): Recording {
  const settings = { name, help: row.help, labelNames: [...row.labels], registers: [registry] };
  switch (row.kind) {
    case "counter": {
      const counter = new Counter(settings);
      return (labels, value) => counter.inc(labels, value);
    }
    case "gauge": {
      const gauge = new Gauge(settings);
      return (labels, value) => gauge.set(labels, value);
    }
    case "histogram": {
      const histogram = new Histogram({ ...settings, buckets: [...(row.buckets ?? CALL_SECONDS)] });
      return (labels, value) => histogram.observe(labels, value);
    }
  }
}

/** The first values of each label keep their name, in all metrics alike. */
function createLabelBound(): (labels: Labels) => Record<string, string> {
  const known = new Map<string, Set<string>>();
  const bounded = (label: string, value: string) => {
    const cut = value.slice(0, LABEL_CHARACTERS_MAX);
    const values = known.get(label) ?? new Set();
    known.set(label, values);
    if (values.size < LABEL_VALUES_MAX) values.add(cut);
    return values.has(cut) ? cut : "other";
  };
  return (labels) => Object.fromEntries(Object.entries(labels).map(([label, value]) => [label, bounded(label, value)]));
}

function rethrow(violation: Violation): never {
  throw violation;
}

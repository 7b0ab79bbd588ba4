import {
  Counter,
  type CounterConfiguration,
  Gauge,
  Histogram,
  type OpenMetricsContentType,
  Registry,
} from "prom-client";
import { invariant, Violation } from "../../core/invariant.js";
import type { Labels, Meters } from "../../ports/meters.js";
import { createLabelBound, type LabelBound } from "./label-bound.js";
import { CALL_SECONDS, METRICS, type MetricRow } from "./metrics.js";
import { END, openMetrics, prometheusText, withoutEnd } from "./open-metrics.js";

/** The two forms of what a scraper reads. Exemplars are in OpenMetrics alone. */
export type MetricsFormat = "prometheus" | "open-metrics";

export interface PrometheusMeters extends Meters {
  /** Values of a label that are there by this process's own settings. */
  readonly know: LabelBound["know"];
  /**
   * The body of `/metrics`.
   * @param others more text in the form of Prometheus, of the same process @default none
   */
  render(format?: MetricsFormat, others?: string): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Ids that lead from a measurement to what was measured. */
export type ExemplarLabels = Readonly<Record<string, string>>;

/**
 * @param exemplar of what is going on where something is measured; undefined: nothing that could be looked at
 * @param onOverflow told once for each label that has too many values
 * @param onViolation what to do with a measurement that no row of the table fits, a bug of ours; without it, it is thrown
 */
export function createPrometheusMeters({
  onViolation = rethrow,
  onOverflow = () => {},
  exemplar = () => undefined,
}: {
  readonly exemplar?: () => ExemplarLabels | undefined;
  readonly onViolation?: (violation: Violation) => void;
  readonly onOverflow?: (message: string) => void;
} = {}): PrometheusMeters {
  // Exemplars are in a registry of OpenMetrics alone, and the library's counters are in one of the two forms, not in both.
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const registers = [registry as unknown as Registry];
  const bounded = createLabelBound(onOverflow);
  const instruments = new Map(
    Object.entries(METRICS).map(([name, row]) => [name, instrument(name, row, { registers, exemplar })]),
  );
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
    know: bounded.know,
    async render(format = "prometheus", others = "") {
      const text = await registry.metrics();
      if (format === "open-metrics") {
        return { contentType: registry.contentType, text: `${withoutEnd(text)}${openMetrics(others)}${END}` };
      }
      return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, text: `${prometheusText(text)}${others}` };
    },
  };
}

type Recording = (labels: Record<string, string>, value: number) => void;

interface Surroundings {
  readonly registers: Registry[];
  readonly exemplar: () => ExemplarLabels | undefined;
}

function instrument(name: string, row: MetricRow, { registers, exemplar }: Surroundings): Recording {
  const settings = { name, help: row.help, labelNames: [...row.labels], registers };
  switch (row.kind) {
    case "counter":
      return name.endsWith("_usd_total") ? dollars(settings) : counted(settings);
    case "gauge": {
      const gauge = new Gauge(settings);
      return (labels, value) => gauge.set(labels, value);
    }
    case "histogram": {
      const buckets = [...(row.buckets ?? CALL_SECONDS)];
      const histogram = new Histogram({ ...settings, buckets, enableExemplars: true });
      return (labels, value) => histogram.observe({ labels, value, exemplarLabels: exemplar() ?? {} });
    }
  }
}

function counted(settings: CounterConfiguration<string>): Recording {
  const counter = new Counter(settings);
  return (labels, value) => counter.inc(labels, value);
}

/**
 * Money is added up in nano-dollars, which are integers, and becomes dollars when it is read: a sum of fractions would be off
 * by some of them in the end.
 */
function dollars(settings: CounterConfiguration<string>): Recording {
  const sums = new Map<string, { readonly labels: Record<string, string>; nanoUsd: number }>();
  new Counter({
    ...settings,
    collect() {
      this.reset();
      for (const { labels, nanoUsd } of sums.values()) this.inc(labels, nanoUsd / 1e9);
    },
  });
  return (labels, usd) => {
    const key = JSON.stringify(labels);
    const sum = sums.get(key) ?? { labels, nanoUsd: 0 };
    sums.set(key, sum);
    sum.nanoUsd += Math.round(usd * 1e9);
  };
}

function rethrow(violation: Violation): never {
  throw violation;
}

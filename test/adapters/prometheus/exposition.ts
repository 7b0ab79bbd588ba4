/** A family of the Prometheus text format. */
export interface MetricFamily {
  readonly kind: string;
  readonly help: string;
  /** Value by `name{label="value",…}`, as written. */
  readonly samples: ReadonlyMap<string, number>;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$/;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  histogram: ["_bucket", "_sum", "_count"],
};

/**
 * Reads the text format 0.0.4 strictly: every family has its help and type once and before its samples, samples are of
 * the family above them, no series comes twice, buckets add up.
 * @throws Error that names the line
 */
export function readExposition(text: string): ReadonlyMap<string, MetricFamily> {
  const families = new Map<string, { kind: string; help: string; samples: Map<string, number> }>();
  let current = "";
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  for (const [index, line] of text.split("\n").entries()) {
    const wrong = (why: string) => new Error(`line ${index + 1}: ${why}: ${line}`);
    const note = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (line === "") continue;
    if (note) {
      const [, what = "", name = "", rest = ""] = note;
      if (what === "HELP") {
        if (families.has(name)) throw wrong("a second help");
        families.set(name, { kind: "", help: rest, samples: new Map() });
        current = name;
      } else {
        const family = families.get(name);
        if (name !== current || !family || family.kind !== "" || !(rest in SUFFIXES)) throw wrong("type out of place");
        family.kind = rest;
      }
      continue;
    }
    const family = families.get(current);
    const [, name = "", labels = "", value = ""] = SAMPLE.exec(line) ?? [];
    if (!family || !SUFFIXES[family.kind]?.some((suffix) => name === `${current}${suffix}`)) throw wrong("no sample");
    if (family.samples.has(name + labels)) throw wrong("a second value");
    if (!/^(-?\d+(\.\d+)?(e[+-]?\d+)?|[+-]Inf|NaN)$/i.test(value)) throw wrong("no number");
    family.samples.set(name + labels, Number(value));
  }
  for (const [name, family] of families) if (family.kind === "histogram") checkBuckets(name, family.samples);
  return families;
}

function checkBuckets(name: string, samples: ReadonlyMap<string, number>): void {
  const below = new Map<string, number>();
  for (const [series, value] of samples) {
    const bound = /le="([^"]+)"/.exec(series)?.[1];
    if (bound === undefined) continue;
    const rest = series.replace(/le="[^"]+",?/, "").replace(`${name}_bucket`, "");
    if (value < (below.get(rest) ?? 0)) throw new Error(`${series} is less than the bucket before it`);
    below.set(rest, value);
    const count = samples.get(`${name}_count${rest === "{}" ? "" : rest}`);
    if (bound === "+Inf" && value !== count) throw new Error(`${series} is not the count ${count}`);
  }
}

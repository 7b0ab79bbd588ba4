/*
 * The two forms of what a scraper reads. In OpenMetrics (https://github.com/prometheus/OpenMetrics, 'MetricFamily') a family
 * of counters is called by its name without `_total`, a sample may have an exemplar, and there is an end.
 */

/** The last line of OpenMetrics. */
export const END = "# EOF\n";

const NOTE = /^(# (?:HELP|TYPE) )(\S+?)( .*)$/;
/** At the end of a sample; a label's value cannot be there. */
const EXEMPLAR = / # \{[^{}]*\} \S+(?: \S+)?$/;

export function withoutEnd(text: string): string {
  return text.replace(/# EOF\n?$/, "");
}

/** Text of Prometheus's older form as OpenMetrics has it, without the end. */
export function openMetrics(text: string): string {
  const counters = namesOf(text);
  return eachLine(text, (line) => {
    const [, note = "", name = "", rest = ""] = NOTE.exec(line) ?? [];
    return counters.has(name) ? `${note}${name.replace(/_total$/, "")}${rest}` : line;
  });
}

/** OpenMetrics in Prometheus's older form, which has no exemplars. */
export function prometheusText(text: string): string {
  const counters = namesOf(text);
  return eachLine(withoutEnd(text), (line) => {
    const [, note = "", name = "", rest = ""] = NOTE.exec(line) ?? [];
    if (note !== "") return counters.has(name) ? `${note}${name}_total${rest}` : line;
    return line.replace(EXEMPLAR, "");
  });
}

/** Families that are counters, as the text calls them. */
function namesOf(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/^# TYPE (\S+) counter$/gm)].flatMap(([, name = ""]) => name));
}

function eachLine(text: string, change: (line: string) => string): string {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => `${change(line)}\n`).join("");
}

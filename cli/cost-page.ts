import { COST_GROUPS, type CostGroup, type CostReportBy, type CostRow, totalOf } from "../core/cost-fold.js";
import { formatUsd, type NanoUsd } from "../core/money.js";
import { grouped } from "./run-progress.js";

/** Rows that a chart has; the table below it has all. */
const BARS = 20;

const TITLES: Readonly<Record<CostGroup, string>> = {
  day: "By day (UTC)",
  model: "By model",
  agent: "By agent",
  account: "By account",
};

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #667085; --line: #d9dee7; --paper: #fff; --bar: #2f6fed; --open: #f0a020 }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf3; --soft: #98a2b3; --line: #333d4d; --paper: #12161d; --bar: #6c9cff; --open: #f5b94a } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2.5rem } p { color: var(--soft) }
.figures { display: flex; flex-wrap: wrap; gap: 2rem; margin: 1.5rem 0 } .figures b { display: block; font-size: 1.6rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums } .wide { overflow-x: auto }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line) } th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere }
svg { width: 100%; height: auto } svg text { fill: var(--ink); font: 12px system-ui, sans-serif } .confirmed { fill: var(--bar) } .unconfirmed { fill: var(--open) }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 1em }
`;

/** A page that needs nothing but itself: charts and tables of all groups. @param madeAt for people */
export function costPage(reports: Readonly<Record<CostGroup, CostReportBy>>, madeAt: string): string {
  const total = totalOf(reports.model.rows);
  const { from, until } = reports.agent;
  const runs = reports.agent.rows.reduce((sum, row) => sum + row.runs, 0);
  const span = from === undefined ? "no events" : `${from} to ${until}, as far back as the event log goes`;
  const order: readonly CostGroup[] = ["day", ...COST_GROUPS.filter((group) => group !== "day")];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Wflo: what runs have cost</title><style>${STYLE}</style></head><body>
<h1>What runs have cost</h1>
<p>Counted from ${escaped(span)}. Made ${escaped(madeAt)}.</p>
<div class="figures">
${figure(`$${usd(total.nanoUsd)}`, "cost")}${figure(`$${usd(total.unconfirmedNanoUsd)}`, "of it unconfirmed")}${figure(`$${usd(total.savedNanoUsd)}`, "saved by the cache")}${figure(grouped(runs), "runs")}${figure(grouped(total.calls), "calls")}
</div>
<p><span class="key" style="background:var(--bar)"></span>confirmed by the provider's count<span class="key" style="background:var(--open)"></span>unconfirmed: may have been billed</p>
${order.map((group) => section(group, reports[group].rows)).join("\n")}
</body></html>
`;
}

function figure(value: string, name: string): string {
  return `<div><b>${escaped(value)}</b>${escaped(name)}</div>`;
}

function section(group: CostGroup, rows: readonly CostRow[]): string {
  const inOrder = group === "day" ? [...rows].reverse() : rows;
  return `<section><h2>${TITLES[group]}</h2>${chart(TITLES[group], inOrder.slice(group === "day" ? -BARS : 0).slice(0, BARS))}${tableOf(group, rows)}</section>`;
}

const ROW = 26;
const LABEL = 230;
const WIDTH = 900;
const VALUE = 130;

/** Bars from left to right: names may be long. */
function chart(title: string, rows: readonly CostRow[]): string {
  const most = Math.max(0, ...rows.map(({ nanoUsd }) => nanoUsd));
  if (most === 0) return "";
  const scale = (WIDTH - LABEL - VALUE) / most;
  const bars = rows.map((row, index) => {
    const y = index * ROW;
    const [confirmed, unconfirmed] = [row.confirmedNanoUsd * scale, row.unconfirmedNanoUsd * scale];
    const name = row.key ?? "–";
    return `<g><title>${escaped(name)}: $${usd(row.nanoUsd)}</title>
<text x="${LABEL - 8}" y="${y + 17}" text-anchor="end">${escaped(shortened(name))}</text>
<rect class="confirmed" x="${LABEL}" y="${y + 4}" width="${confirmed.toFixed(1)}" height="${ROW - 8}"/>
<rect class="unconfirmed" x="${(LABEL + confirmed).toFixed(1)}" y="${y + 4}" width="${unconfirmed.toFixed(1)}" height="${ROW - 8}"/>
<text x="${(LABEL + confirmed + unconfirmed + 8).toFixed(1)}" y="${y + 17}">$${usd(row.nanoUsd)}</text></g>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${rows.length * ROW}" role="img" aria-label="${escaped(title)}: a chart of the table below">${bars.join("")}</svg>`;
}

function tableOf(group: CostGroup, rows: readonly CostRow[]): string {
  const heads = [
    group,
    "runs",
    "calls",
    "input",
    "cached",
    "cache writes",
    "output",
    "reasoning",
    "saved",
    "unconfirmed",
    "cost",
  ];
  const lines = rows.map((row) => {
    const tokens = [
      row.inputTokens,
      row.cachedInputTokens,
      row.cacheWriteTokens,
      row.outputTokens,
      row.reasoningTokens,
    ];
    const money = [row.savedNanoUsd, row.unconfirmedNanoUsd, row.nanoUsd].map((amount) => `$${usd(amount)}`);
    const cells = [row.key ?? "–", ...[row.runs, row.calls, ...tokens].map(grouped), ...money];
    return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`;
  });
  return `<div class="wide"><table><thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join("")}</tr></thead><tbody>${lines.join("")}</tbody></table></div>`;
}

function usd(amount: NanoUsd): string {
  return formatUsd(amount);
}

function shortened(name: string): string {
  return name.length <= 34 ? name : `${name.slice(0, 15)}…${name.slice(-18)}`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Names come from outside. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

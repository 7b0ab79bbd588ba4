import { type CostReportBy, type CostRow, totalOf } from "../core/cost-fold.js";
import { formatUsd } from "../core/money.js";
import { table } from "./output.js";
import { grouped } from "./run-progress.js";

const CSV_COLUMNS = [
  ...["by", "key", "runs", "calls", "inputTokens", "cachedInputTokens", "cacheWriteTokens", "outputTokens"],
  ...["reasoningTokens", "usd", "confirmedNanoUsd", "unconfirmedNanoUsd", "savedNanoUsd", "unpricedCalls"],
] as const satisfies readonly (keyof CostRow)[];

/** A report as comma-separated values (RFC 4180). */
export function costCsv(rows: readonly CostRow[]): string {
  const lines = [CSV_COLUMNS, ...rows.map((row) => CSV_COLUMNS.map((name) => String(row[name] ?? "")))];
  return lines.map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

/** A spreadsheet takes a cell that begins like a formula for one, and names come from outside. */
function csvCell(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** A report for people; what is nothing everywhere has no column. */
export function costTable({ from, rows }: CostReportBy): string {
  const [first] = rows;
  if (!first) return "no runs";
  const total = totalOf(rows);
  const columns = COLUMNS.filter(({ always, of }) => always || of(total) > 0);
  const cells = (row: CostRow) => columns.map(({ of, words }) => (words ?? grouped)(of(row)));
  return [
    table(
      [first.by.toUpperCase(), "RUNS", ...columns.map(({ name }) => name)],
      [...rows.map((row) => [row.key ?? "–", row.runs, ...cells(row)]), ["total", "", ...cells(total)]],
    ),
    `counted from ${from}, as far back as the event log goes`,
  ].join("\n\n");
}

interface Column {
  readonly name: string;
  readonly of: (row: CostRow) => number;
  readonly words?: (value: number) => string;
  readonly always?: true;
}

const dollars = (nanoUsd: number) => `$${formatUsd(nanoUsd as CostRow["nanoUsd"])}`;

const COLUMNS: readonly Column[] = [
  { name: "CALLS", of: ({ calls }) => calls, always: true },
  { name: "INPUT", of: ({ inputTokens }) => inputTokens, always: true },
  { name: "CACHED", of: ({ cachedInputTokens }) => cachedInputTokens },
  { name: "OUTPUT", of: ({ outputTokens }) => outputTokens, always: true },
  { name: "UNPRICED", of: ({ unpricedCalls }) => unpricedCalls },
  { name: "SAVED", of: ({ savedNanoUsd }) => savedNanoUsd, words: dollars },
  { name: "UNCONFIRMED", of: ({ unconfirmedNanoUsd }) => unconfirmedNanoUsd, words: dollars },
  { name: "COST", of: ({ nanoUsd }) => nanoUsd, words: dollars, always: true },
];

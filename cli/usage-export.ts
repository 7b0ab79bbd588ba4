import { parse } from "csv-parse/sync";
import { parseUsd } from "../core/money.js";
import type { TheirRequest } from "../core/reconcile.js";
import { NO_USAGE, type Usage, usageFromAbove } from "../core/usage.js";
import { WrongUse } from "./problems.js";

/** Whose list it is: they count differently. OpenAI's input tokens have the cached ones among them, Anthropic's do not. */
export type ExportProvider = "openai" | "anthropic";

/** Names of what is read, as exports, logs and APIs of the two have them; case, spaces and `_` do not matter. */
const NAMES = {
  requestId: ["request_id", "requestid", "response_id", "x-request-id", "id"],
  model: ["model", "model_name", "snapshot_id", "model_version"],
  at: ["timestamp", "time", "created_at", "created", "start_time", "start_time_iso", "usage_date_utc", "date"],
  input: ["input_tokens", "prompt_tokens", "n_context_tokens_total", "usage_input_tokens", "uncached_input_tokens"],
  output: ["output_tokens", "completion_tokens", "n_generated_tokens_total", "usage_output_tokens"],
  cached: [
    "cache_read_input_tokens",
    "input_cached_tokens",
    "cached_tokens",
    "cached_input_tokens",
    "cache_read_tokens",
  ],
  written: ["cache_creation_input_tokens", "cache_write_tokens", "cache_creation_tokens"],
  reasoning: ["reasoning_tokens", "output_reasoning_tokens"],
  cost: ["cost_usd", "cost", "amount_usd", "amount", "amount_value"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

type Row = ReadonlyMap<string, unknown>;

/**
 * Reads a list of requests: CSV with a head line, a JSON list, `{"data": […]}`, or JSON lines; nested members count by their own
 * names (`usage.input_tokens`).
 * @throws WrongUse where it is none, or a line has no number of tokens
 */
export function readUsageExport(text: string, provider?: ExportProvider): readonly TheirRequest[] {
  const rows = rowsOf(text);
  if (rows.length === 0)
    throw new WrongUse("the file has no requests", "Give it a head line and a line each, or a JSON list.");
  const counts = provider ?? guess(rows);
  return rows.map((row, index) => requestOf(row, index + 1, counts));
}

function rowsOf(text: string): readonly Row[] {
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  if (!/^[[{]/.test(trimmed)) return csvRows(trimmed);
  const documents = jsonOf(trimmed);
  return documents.map((document) => {
    const row = new Map<string, unknown>();
    flatten(document, row);
    return row;
  });
}

function csvRows(text: string): readonly Row[] {
  try {
    const lines = parse(text, { columns: true, skip_empty_lines: true, trim: true }) as Record<string, string>[];
    return lines.map((line) => new Map(Object.entries(line).map(([name, value]) => [plain(name), value])));
  } catch (error) {
    throw new WrongUse(`the file cannot be read as CSV: ${(error as Error).message}`, "It may be JSON, or cut off.");
  }
}

function jsonOf(text: string): readonly unknown[] {
  try {
    const whole: unknown = JSON.parse(text);
    if (Array.isArray(whole)) return whole;
    const { data } = whole as { data?: unknown };
    return Array.isArray(data) ? data : [whole];
  } catch {
    // Not one document: one a line.
  }
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line, index) => {
      try {
        return JSON.parse(line) as unknown;
      } catch (error) {
        throw new WrongUse(`line ${index + 1} is not JSON: ${(error as Error).message}`, "Is the file cut off?");
      }
    });
}

/** Outer members first: an inner one of the same name does not take their place. */
function flatten(value: unknown, into: Map<string, unknown>): void {
  if (typeof value !== "object" || value === null) return;
  const inner: unknown[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (typeof member === "object") inner.push(member);
    else if (!into.has(plain(name))) into.set(plain(name), member);
  }
  for (const member of inner) flatten(member, into);
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_]+/g, "");
}

function find(row: Row, what: keyof typeof NAMES): unknown {
  for (const name of NAMES[what]) {
    const value = row.get(plain(name));
    if (value !== undefined && value !== null && value !== "") return value;
  }
  return undefined;
}

function guess(rows: readonly Row[]): ExportProvider {
  const isAnthropic = rows.some(
    (row) => row.has(plain("cache_creation_input_tokens")) || String(find(row, "model") ?? "").startsWith("claude"),
  );
  return isAnthropic ? "anthropic" : "openai";
}

function requestOf(row: Row, line: number, counts: ExportProvider): TheirRequest {
  const requestId = textOf(find(row, "requestId"));
  const model = textOf(find(row, "model"));
  const atMs = timeOf(find(row, "at"), line);
  const cost = find(row, "cost");
  const nanoUsd = cost === undefined ? undefined : parseUsd(typeof cost === "number" ? decimal(cost) : cost);
  if (typeof nanoUsd === "object")
    throw new WrongUse(`line ${line}: its cost ${nanoUsd.problem}`, "Costs are US dollars.");
  return {
    line,
    ...(requestId === undefined ? {} : { requestId }),
    ...(model === undefined ? {} : { model }),
    ...(atMs === undefined ? {} : { atMs }),
    usage: usageOf(row, line, counts),
    ...(nanoUsd === undefined ? {} : { nanoUsd }),
  };
}

/** Programs write 1e-7; money is read as a decimal. */
function decimal(cost: number): string {
  return cost.toFixed(9);
}

function usageOf(row: Row, line: number, counts: ExportProvider): Usage {
  const count = (what: keyof typeof NAMES) => {
    const value = find(row, what);
    const number = value === undefined ? 0 : Number(String(value).replaceAll(",", ""));
    if (Number.isFinite(number) && number >= 0) return number;
    throw new WrongUse(`line ${line}: ${JSON.stringify(value)} is no number of tokens`, "Is a column shifted?");
  };
  if (find(row, "input") === undefined || find(row, "output") === undefined) {
    const names = `${NAMES.input.slice(0, 3).join(", ")} and ${NAMES.output.slice(0, 3).join(", ")}`;
    throw new WrongUse(
      `line ${line} has no input and output tokens`,
      `They are looked for under names such as ${names}.`,
    );
  }
  const [input, cached, written] = [count("input"), count("cached"), count("written")];
  return usageFromAbove({
    ...NO_USAGE,
    inputTokens: counts === "anthropic" ? input + cached + written : input,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    outputTokens: count("output"),
    reasoningTokens: count("reasoning"),
  });
}

function timeOf(value: unknown, line: number): number | undefined {
  if (value === undefined) return undefined;
  const seconds =
    typeof value === "number" ? value : /^\d{9,13}(\.\d+)?$/.test(String(value)) ? Number(value) : undefined;
  const ms = seconds === undefined ? Date.parse(String(value)) : seconds < 1e11 ? seconds * 1_000 : seconds;
  if (Number.isFinite(ms)) return ms;
  throw new WrongUse(`line ${line}: ${JSON.stringify(value)} is no time`, "Times are ISO 8601 or Unix seconds.");
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : String(value);
}

import { addUsdToMost, formatUsd, type NanoUsd, toNanoUsd, ZERO_USD } from "./money.js";

/*
 * What runs have cost, out of their events: every booking of a run is in one of them (workflows/model-books), so that the sum
 * is what the runs' own books say. Pure; an event may come twice, as logs store at least once.
 */

export const COST_GROUPS = ["agent", "model", "account", "day"] as const;
export type CostGroup = (typeof COST_GROUPS)[number];

/** One line of a report. Tokens are the providers' counts; money in nano-dollars. */
export interface CostRow {
  readonly by: CostGroup;
  /** Null: runs without one, or whose beginning the log does not have. */
  readonly key: string | null;
  readonly runs: number;
  /** Answers, and attempts that may have been billed. */
  readonly calls: number;
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly cacheWriteTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  /** Confirmed plus unconfirmed. */
  readonly nanoUsd: NanoUsd;
  readonly usd: string;
  readonly confirmedNanoUsd: NanoUsd;
  readonly unconfirmedNanoUsd: NanoUsd;
  /** What answers from the cache would have cost. */
  readonly savedNanoUsd: NanoUsd;
  /** Calls of models without a price, which no amount has. */
  readonly unpricedCalls: number;
}

/** A report of costs. */
export interface CostReportBy {
  /** The oldest event that was counted; undefined: there was none. */
  readonly from: string | undefined;
  readonly until: string | undefined;
  readonly rows: readonly CostRow[];
}

const TOKENS = ["inputTokens", "cachedInputTokens", "cacheWriteTokens", "outputTokens", "reasoningTokens"] as const;

type Sums = { -readonly [K in Exclude<keyof CostRow, "by" | "key" | "runs" | "usd" | "nanoUsd">]: number };

interface Cell {
  readonly run: RunFacts;
  /** Null: a run that began, without a call. */
  readonly model: string | null;
  readonly day: string;
  readonly sums: Sums;
}

interface RunFacts {
  readonly id: string;
  agent: string | null;
  account: string | null;
  readonly seen: Set<string>;
}

/** A document of the event log, as far as it is looked at. */
interface CostEvent {
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const CALLED = new Set(["wflo.model.called", "wflo.tool.called"]);

export class CostFold {
  readonly #runs = new Map<string, RunFacts>();
  readonly #cells = new Map<string, Cell>();
  readonly #since: string | undefined;
  #from: string | undefined;
  #until: string | undefined;

  /** @param since events before it are not counted (but say whose a run is); an ISO time */
  constructor(since?: string) {
    this.#since = since;
  }

  /** Takes one document of the log; what is no event of a run is left out. */
  add(document: unknown): void {
    const event = asEvent(document);
    if (!event) return;
    const run = this.#runOf(event);
    const number = event.id.slice(run.id.length + 1);
    if (run.seen.has(number)) return;
    run.seen.add(number);
    if (event.type === "wflo.run.started") {
      run.agent = textOf(event.data.agent) ?? run.agent;
      run.account = textOf(event.data.account) ?? run.account;
    }
    if (this.#since !== undefined && event.time < this.#since) return;
    if (this.#from === undefined || event.time < this.#from) this.#from = event.time;
    if (this.#until === undefined || event.time > this.#until) this.#until = event.time;
    if (CALLED.has(event.type)) this.#count(run, event);
    else if (event.type === "wflo.run.started") this.#cellOf(run, null, event.time);
  }

  report(by: CostGroup): CostReportBy {
    const groups = new Map<string | null, { runs: Set<string>; sums: Sums }>();
    for (const cell of this.#cells.values()) {
      if (by === "model" && cell.model === null) continue;
      const key = keyOf(cell, by);
      const group = groups.get(key) ?? { runs: new Set(), sums: noSums() };
      group.runs.add(cell.run.id);
      addSums(group.sums, cell.sums);
      groups.set(key, group);
    }
    const rows = [...groups].map(([key, { runs, sums }]) => rowOf(by, key, runs.size, sums));
    return { from: this.#from, until: this.#until, rows: rows.sort(by === "day" ? byDay : byCost) };
  }

  #runOf({ id }: CostEvent): RunFacts {
    const key = id.slice(0, id.lastIndexOf("/"));
    const run = this.#runs.get(key) ?? { id: key, agent: null, account: null, seen: new Set() };
    this.#runs.set(key, run);
    return run;
  }

  #cellOf(run: RunFacts, model: string | null, time: string): Cell {
    const day = time.slice(0, 10);
    const key = JSON.stringify([run.id, model, day]);
    const cell = this.#cells.get(key) ?? { run, model, day, sums: noSums() };
    this.#cells.set(key, cell);
    return cell;
  }

  #count(run: RunFacts, { type, time, data }: CostEvent): void {
    const confirmed = numberOf(data.nanoUsd);
    const unconfirmed = numberOf(data.unconfirmedNanoUsd);
    const isTool = type === "wflo.tool.called";
    // Most tools cost nothing, and a change of model is no call.
    if (isTool && data.nanoUsd === undefined) return;
    if (!isTool && data.nanoUsd === undefined && data.unconfirmedNanoUsd === undefined) return;
    const model = isTool ? `tool/${textOf(data.tool)}` : textOf(data.model);
    const { sums } = this.#cellOf(run, model, time);
    // A late answer belongs to an attempt that was counted when it was lost.
    sums.calls += data.outcome === "late" ? 0 : 1;
    sums.confirmedNanoUsd += confirmed;
    sums.unconfirmedNanoUsd += unconfirmed;
    sums.savedNanoUsd += numberOf(data.savedNanoUsd);
    sums.unpricedCalls += data.unpriced === true ? 1 : 0;
    const usage = (data.usage ?? {}) as Record<string, unknown>;
    for (const kind of TOKENS) sums[kind] += numberOf(usage[kind]);
  }
}

/** The sum of all rows, for the last line of a table. A run that stands in several rows is counted in each. */
export function totalOf(rows: readonly CostRow[]): CostRow {
  const sums = noSums();
  for (const row of rows) addSums(sums, row);
  return rowOf(rows[0]?.by ?? "agent", null, 0, sums);
}

function asEvent(document: unknown): CostEvent | undefined {
  if (typeof document !== "object" || document === null) return undefined;
  const { id, type, time, data } = document as Partial<CostEvent>;
  const isWhole = typeof id === "string" && typeof type === "string" && typeof time === "string";
  if (!isWhole || typeof data !== "object" || data === null) return undefined;
  return { id, type, time, data };
}

function keyOf({ run, model, day }: Cell, by: CostGroup): string | null {
  switch (by) {
    case "agent":
      return run.agent;
    case "account":
      return run.account;
    case "model":
      return model;
    case "day":
      return day;
  }
}

function rowOf(by: CostGroup, key: string | null, runs: number, sums: Sums): CostRow {
  const confirmedNanoUsd = toNanoUsd(sums.confirmedNanoUsd);
  // Less than nothing only where the log begins after the attempts that late answers explain.
  const unconfirmedNanoUsd = toNanoUsd(Math.max(0, sums.unconfirmedNanoUsd));
  const nanoUsd = addUsdToMost(confirmedNanoUsd, unconfirmedNanoUsd);
  const savedNanoUsd = toNanoUsd(sums.savedNanoUsd);
  return {
    ...sums,
    by,
    key,
    runs,
    confirmedNanoUsd,
    unconfirmedNanoUsd,
    savedNanoUsd,
    nanoUsd,
    usd: formatUsd(nanoUsd),
  };
}

function noSums(): Sums {
  return {
    calls: 0,
    inputTokens: 0,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    confirmedNanoUsd: ZERO_USD,
    unconfirmedNanoUsd: ZERO_USD,
    savedNanoUsd: ZERO_USD,
    unpricedCalls: 0,
  };
}

function addSums(to: Sums, more: Readonly<Sums>): void {
  for (const name of Object.keys(to) as (keyof Sums)[]) to[name] += more[name];
}

function byDay(a: CostRow, b: CostRow): number {
  return String(b.key).localeCompare(String(a.key));
}

function byCost(a: CostRow, b: CostRow): number {
  return b.nanoUsd - a.nanoUsd || String(a.key).localeCompare(String(b.key));
}

function numberOf(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : 0;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

import { canonicalJson } from "../core/digest.js";
import type { GateView } from "../core/gate.js";
import type { BudgetView } from "../core/ledger-report.js";
import type { RunStatus } from "../core/run.js";
import { ClientError } from "./client-error.js";
import { followHistory, type HistoryPage } from "./history.js";
import { createHistoryFold } from "./history-fold.js";
import type { RunChange } from "./run-changes.js";
import type { Temporal } from "./temporal.js";

/** What a run itself is asked. */
export interface RunQueries {
  status(): Promise<RunStatus>;
  budget(): Promise<BudgetView>;
  approvals(): Promise<readonly GateView[]>;
}

/** A run to watch: where its history stands when the watch begins. */
export interface WatchedRun {
  readonly workflowId: string;
  readonly runId: string;
  /** Events up to this one have happened before: the run is not asked about them. */
  readonly historyLength: number;
  readonly isOpen: boolean;
}

/** A run that nobody works on is asked again after this, in milliseconds. */
const ASK_AGAIN_MS = 2_000;

/**
 * A run's changes from its start to its end, as they happen. The history says most of it, by long polling; only when it
 * has moved is the run asked for what a history can't say: what is spent, and which gates are open.
 */
export async function* watchRun(
  temporal: Temporal,
  run: WatchedRun,
  queries: RunQueries,
  signal?: AbortSignal,
): AsyncGenerator<RunChange> {
  const left = new AbortController();
  const stop = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
  const pages = followHistory(temporal, run, stop);
  try {
    yield* changesOf(temporal, run, queries, pages, stop);
  } finally {
    // Whoever leaves in the middle leaves no poll behind.
    left.abort();
  }
}

/** The next page; undefined where the time to ask again came first. */
type Arrived = IteratorResult<HistoryPage, unknown> | undefined;

async function* changesOf(
  temporal: Temporal,
  run: WatchedRun,
  queries: RunQueries,
  pages: AsyncGenerator<HistoryPage>,
  stop: AbortSignal,
): AsyncGenerator<RunChange> {
  const fold = createHistoryFold(temporal.decode);
  const asker = createAsker(queries, fold);
  let coming = pages.next();
  let owesQuestions = false;
  for (;;) {
    coming.catch(() => undefined);
    const arrived: Arrived = await (owesQuestions ? Promise.race([coming, after(ASK_AGAIN_MS)]) : coming);
    if (arrived?.done) return;
    if (arrived) coming = pages.next();
    let isOver = !run.isOpen;
    for (const event of arrived?.value.events ?? []) {
      for (const change of await fold.take(event)) {
        isOver ||= change.kind === "ended";
        yield change;
      }
    }
    owesQuestions = !isOver && (owesQuestions || (arrived !== undefined && isNews(run, arrived.value)));
    if (!owesQuestions || stop.aborted) continue;
    const heard = await asker.ask();
    yield* heard.changes;
    owesQuestions = !heard.isAll;
  }
}

/** Something was done with the run since the watch began. */
function isNews(run: WatchedRun, page: HistoryPage): boolean {
  const last = page.events.at(-1);
  const isCaughtUp = page.runId !== run.runId || Number(last?.eventId) >= run.historyLength;
  return isCaughtUp && page.events.some((event) => event.workflowTaskCompletedEventAttributes);
}

/** Asks a run what its history can't say, and tells what is new about that. */
function createAsker(queries: RunQueries, fold: ReturnType<typeof createHistoryFold>) {
  const gates = new Map<string, string>();
  let status = "";
  let budget = "";
  let hasOpenGates = false;
  let owesMoney = true;

  const askBudget = async (at: string): Promise<readonly RunChange[]> => {
    const view = await queries.budget();
    owesMoney = false;
    const isNew = budget !== moneyOf(view);
    budget = moneyOf(view);
    return isNew ? [{ kind: "budget", at, budget: view }] : [];
  };
  const askGates = async (at: string): Promise<readonly RunChange[]> => {
    const views = await queries.approvals();
    hasOpenGates = views.some(({ state }) => state === "pending");
    const changed = views.filter((gate) => gates.get(gate.gate) !== canonicalJson(gate));
    for (const gate of changed) gates.set(gate.gate, canonicalJson(gate));
    return changed.map((gate) => ({ kind: "gate", at, gate }));
  };
  const askStatus = async (at: string): Promise<readonly RunChange[]> => {
    const view = await queries.status();
    const isNew = status !== canonicalJson(view);
    status = canonicalJson(view);
    return isNew ? [{ kind: "status", at, status: view }] : [];
  };

  return {
    /** What was heard; not all of it where nobody answers. */
    async ask(): Promise<{ readonly changes: readonly RunChange[]; readonly isAll: boolean }> {
      const at = new Date().toISOString();
      const changes: RunChange[] = [];
      owesMoney ||= fold.moneyMoved();
      try {
        // One after the other: a run answers one question at a time.
        if (owesMoney) changes.push(...(await askBudget(at)));
        if (fold.callsWaiting() || hasOpenGates) changes.push(...(await askGates(at)));
        if (fold.isIdle()) changes.push(...(await askStatus(at)));
        return { changes, isAll: true };
      } catch (error) {
        if (error instanceof ClientError && error.kind === "no-worker") return { changes, isAll: false };
        throw error;
      }
    },
  };
}

function moneyOf({ limitNanoUsd, spentNanoUsd, unconfirmedNanoUsd, frozen }: BudgetView): string {
  return [limitNanoUsd, spentNanoUsd, unconfirmedNanoUsd, frozen].join(" ");
}

/** A timer that keeps no process alive. */
async function after(ms: number): Promise<undefined> {
  return await new Promise((resolve) => setTimeout(() => resolve(undefined), ms).unref());
}

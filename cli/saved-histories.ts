import type { SavedHistories } from "../client/audit-trail.js";
import type { History } from "../client/index.js";
import { readHistoryFile } from "./history-file.js";
import { WrongUse } from "./problems.js";

interface OneHistory {
  readonly workflowId: string;
  readonly runId: string;
  readonly firstRunId: string;
  /** The one that this one goes on from. */
  readonly before: string | undefined;
  /** The one that goes on from this one. */
  readonly next: string | undefined;
  readonly events: NonNullable<History["events"]>;
}

/** Histories from files, by run and in order. @throws WrongUse that names the file that is none */
export async function readSavedHistories(files: readonly string[]): Promise<readonly SavedHistories[]> {
  const byRun = new Map<string, OneHistory[]>();
  for (const file of files) {
    const history = await readOne(file);
    byRun.set(history.firstRunId, [...(byRun.get(history.firstRunId) ?? []), history]);
  }
  return [...byRun.values()].map(inOrder);
}

async function readOne(file: string): Promise<OneHistory> {
  const { events } = await readHistoryFile(file);
  const start = events?.[0]?.workflowExecutionStartedEventAttributes;
  const runId = start?.originalExecutionRunId;
  if (!events || !start?.workflowId || !runId) throw new WrongUse(`${file} does not begin with a workflow's start`);
  return {
    workflowId: start.workflowId,
    runId,
    firstRunId: start.firstExecutionRunId || runId,
    before: start.continuedExecutionRunId || undefined,
    next: events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined,
    events,
  };
}

function inOrder(histories: readonly OneHistory[]): SavedHistories {
  const byId = new Map(histories.map((history) => [history.runId, history]));
  const ordered: OneHistory[] = [];
  const gaps: string[] = [];
  let at = histories.find(({ before }) => before === undefined || !byId.has(before));
  if (at?.before !== undefined) gaps.push("its first histories are not among the files");
  for (; at; at = at.next === undefined ? undefined : byId.get(at.next)) {
    ordered.push(at);
    if (at.next !== undefined && !byId.has(at.next)) gaps.push("its later histories are not among the files");
  }
  if (ordered.length < byId.size) gaps.push("some histories between are not among the files");
  const { workflowId, firstRunId } = histories[0] as OneHistory;
  return { workflowId, firstRunId, histories: ordered, gaps };
}

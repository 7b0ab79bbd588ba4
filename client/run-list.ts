import type { WorkflowExecutionInfo } from "@temporalio/client";
import { defineSearchAttributeKey, SearchAttributeType } from "@temporalio/common";
import type { NanoUsd } from "../core/money.js";
import { ClientError } from "./client-error.js";
import type { RunStateName } from "./run-states.js";
import type { Temporal } from "./temporal.js";
import { webUrl } from "./web-url.js";

/** What the index says of a run; it lags behind the run by moments. */
export interface RunSummary {
  readonly workflowId: string;
  /** Of the newest history. */
  readonly runId: string;
  readonly status: RunStateName;
  /** This and the next ones are absent where the namespace has no `Wflo…` search attributes, or the run has not begun. */
  readonly agent?: string;
  readonly account?: string;
  /** The model that was asked last. */
  readonly model?: string;
  readonly turn?: number;
  readonly costNanoUsd?: NanoUsd;
  /** The first run of its tree. */
  readonly root?: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly webUrl: string;
}

/** Which runs; what is left out does not matter. */
export interface RunFilter {
  readonly status?: RunStateName;
  readonly agent?: string;
  readonly account?: string;
  /** Started at or after this time. */
  readonly since?: Date;
  /** What its workflow id begins with. */
  readonly idPrefix?: string;
  /** It goes on. */
  readonly open?: true;
}

const KEYS = {
  agent: defineSearchAttributeKey("WfloAgent", SearchAttributeType.KEYWORD),
  status: defineSearchAttributeKey("WfloStatus", SearchAttributeType.KEYWORD),
  account: defineSearchAttributeKey("WfloAccount", SearchAttributeType.KEYWORD),
  model: defineSearchAttributeKey("WfloModel", SearchAttributeType.KEYWORD),
  cost: defineSearchAttributeKey("WfloCostNanoUsd", SearchAttributeType.INT),
  turn: defineSearchAttributeKey("WfloTurn", SearchAttributeType.INT),
  root: defineSearchAttributeKey("WfloRoot", SearchAttributeType.KEYWORD),
};

/** Ends that Temporal itself knows; the others are words of Wflo. */
const EXECUTION_STATUS: Readonly<Partial<Record<RunSummary["status"], string>>> = {
  failed: "Failed",
  canceled: "Canceled",
  terminated: "Terminated",
  timed_out: "TimedOut",
};

const ENDS: readonly string[] = ["completed", "budget_exhausted", "rejected", "max_turns", "limit_reached"];

/** Runs of agents, the newest first. A filter that the namespace's index can't answer is answered here. */
export async function* listRuns(temporal: Temporal, filter: RunFilter = {}): AsyncGenerator<RunSummary> {
  try {
    yield* listed(temporal, visibilityQuery(filter));
  } catch (error) {
    if (!lacksAttributes(error)) throw error;
    for await (const run of listed(temporal, visibilityQuery(askedOf(filter)))) {
      if (matches(run, filter)) yield run;
    }
  }
}

/** What every index can answer of a filter. */
function askedOf({ since, idPrefix, open }: RunFilter): RunFilter {
  const asked = { since, idPrefix, open };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
}

/** False where the namespace's index has no `Wflo…` search attributes. */
export async function hasRunAttributes(temporal: Temporal): Promise<boolean> {
  try {
    await temporal.call(async () => await temporal.client.workflow.count("WfloAgent = 'none'"));
    return true;
  } catch (error) {
    if (lacksAttributes(error)) return false;
    throw error;
  }
}

/** What the server says of a workflow, in lists and when asked for one. */
type Execution = Pick<
  WorkflowExecutionInfo,
  "workflowId" | "runId" | "status" | "startTime" | "typedSearchAttributes"
> & {
  readonly closeTime?: Date | undefined;
};

export function summaryOf(temporal: Temporal, execution: Execution): RunSummary {
  const { workflowId, runId, startTime, closeTime, typedSearchAttributes: attributes } = execution;
  const [agent, account, model] = [
    attributes.get(KEYS.agent),
    attributes.get(KEYS.account),
    attributes.get(KEYS.model),
  ];
  const [turn, cost, root] = [attributes.get(KEYS.turn), attributes.get(KEYS.cost), attributes.get(KEYS.root)];
  return {
    workflowId,
    runId,
    status: statusOf(execution),
    ...(agent === undefined ? {} : { agent }),
    ...(account === undefined ? {} : { account }),
    ...(model === undefined ? {} : { model }),
    ...(turn === undefined ? {} : { turn: Number(turn) }),
    ...(cost === undefined ? {} : { costNanoUsd: Number(cost) as NanoUsd }),
    ...(root === undefined ? {} : { root }),
    startedAt: startTime.toISOString(),
    ...(closeTime ? { endedAt: closeTime.toISOString() } : {}),
    webUrl: webUrl(temporal.uiUrl, temporal.namespace, workflowId, runId),
  };
}

/** The index keeps a run's last word; how it ended without one, Temporal knows. */
function statusOf({ status, typedSearchAttributes }: Execution): RunSummary["status"] {
  const word = typedSearchAttributes.get(KEYS.status) as RunSummary["status"] | undefined;
  switch (status.name) {
    case "COMPLETED":
      return word !== undefined && ENDS.includes(word) ? word : "completed";
    case "FAILED":
      return "failed";
    case "CANCELLED":
      return "canceled";
    case "TERMINATED":
      return "terminated";
    case "TIMED_OUT":
      return "timed_out";
    default:
      return word !== undefined && !ENDS.includes(word) ? word : "running";
  }
}

async function* listed(temporal: Temporal, query: string): AsyncGenerator<RunSummary> {
  const runs = temporal.onlooker.workflow.list({ query })[Symbol.asyncIterator]();
  for (;;) {
    const next = await temporal.call(async () => await runs.next());
    if (next.done) return;
    yield summaryOf(temporal, next.value);
  }
}

function visibilityQuery({ status, agent, account, since, idPrefix, open }: RunFilter): string {
  const conditions = ["WorkflowType = 'agentRun'", "ExecutionStatus != 'ContinuedAsNew'"];
  if (status !== undefined) conditions.push(statusCondition(status));
  if (agent !== undefined) conditions.push(`WfloAgent = ${quoted(agent)}`);
  if (account !== undefined) conditions.push(`WfloAccount = ${quoted(account)}`);
  if (since !== undefined) conditions.push(`StartTime >= ${quoted(since.toISOString())}`);
  if (open) conditions.push("ExecutionStatus = 'Running'");
  if (idPrefix !== undefined) conditions.push(`WorkflowId STARTS_WITH ${quoted(idPrefix)}`);
  return conditions.join(" AND ");
}

function statusCondition(status: RunSummary["status"]): string {
  const closed = EXECUTION_STATUS[status];
  if (closed !== undefined) return `ExecutionStatus = '${closed}'`;
  if (ENDS.includes(status)) return `ExecutionStatus = 'Completed' AND WfloStatus = '${status}'`;
  const unsaid = status === "running" ? " OR WfloStatus IS NULL" : "";
  return `ExecutionStatus = 'Running' AND (WfloStatus = '${status}'${unsaid})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** Without the index's words an open run is `running`, and a completed one `completed`. */
function matches(run: RunSummary, { status, agent, account }: RunFilter): boolean {
  if (status !== undefined && run.status !== status) return false;
  return (agent === undefined || run.agent === agent) && (account === undefined || run.account === account);
}

function lacksAttributes(error: unknown): boolean {
  return error instanceof ClientError && error.kind === "server" && /Wflo\w+/.test(error.message);
}

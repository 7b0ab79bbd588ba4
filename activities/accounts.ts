import { createHash } from "node:crypto";
import type { Context } from "@temporalio/activity";
import type { FindAccountsRequest, HolderState, SilentHolder } from "../core/activity-contract.js";
import type { NanoUsd } from "../core/money.js";

/** Memo of an account's workflow: what others have to know of it without asking it. */
export interface AccountMemo {
  readonly wfloParent?: string;
  readonly wfloShards?: number;
}

/** Accounts above one another; more is a mistake. */
const DEEPEST = 50;

/** A worker has to answer a query on a run that is over; nobody waits for one that is away. In milliseconds. */
const QUERY_PATIENCE_MS = 5_000;

const LOOKS_AT_ONCE = 10;

/** The account that a run leases from: a shard of it by the run's id, where it has shards; undefined: there is none. */
export async function accountFor(context: Context, account: string): Promise<string | undefined> {
  const memo = await memoOf(context, account);
  if (!memo) return undefined;
  const { wfloShards: shards = 1 } = memo;
  if (shards <= 1) return account;
  const digest = createHash("sha256")
    .update(context.info.workflowExecution?.workflowId ?? "")
    .digest();
  return `${account}/shard-${(digest.readUInt32BE(0) % shards) + 1}`;
}

/** Whether an account's parent is there, and none of those above is the account itself. */
export async function findAccounts(
  context: Context,
  { account, parent }: FindAccountsRequest,
): Promise<{ readonly problem: string | null }> {
  let above: string | undefined = parent;
  for (let depth = 0; above !== undefined; depth += 1) {
    if (above === account) return { problem: `parent: ${account} would be above itself` };
    if (depth > DEEPEST) return { problem: `parent: more than ${DEEPEST} accounts are above one another` };
    const memo: AccountMemo | undefined = await memoOf(context, above);
    if (!memo) return { problem: `parent: there is no account ${above}; make it with \`wflo budget set\` first` };
    above = memo.wfloParent;
  }
  return { problem: null };
}

/** Where holders are, and what those that are gone may have spent. */
export async function lookAfterHolders(
  context: Context,
  holders: readonly SilentHolder[],
): Promise<readonly HolderState[]> {
  const states: HolderState[] = [];
  for (let at = 0; at < holders.length; at += LOOKS_AT_ONCE) {
    const some = holders.slice(at, at + LOOKS_AT_ONCE);
    states.push(...(await Promise.all(some.map(async (holder) => await stateOf(context, holder)))));
  }
  return states;
}

async function stateOf(context: Context, { leaseId, workflowId, runId }: SilentHolder): Promise<HolderState> {
  for (let at = runId; ; ) {
    const status = await statusOf(context, workflowId, at);
    if (status === "RUNNING") return { leaseId, is: "alive", runId: at };
    const next = status === "CONTINUED_AS_NEW" ? await nextHistory(context, workflowId, at) : undefined;
    if (next === undefined) {
      const spentNanoUsd =
        status === undefined ? undefined : await spentBy(context, { leaseId, workflowId, runId: at });
      return { leaseId, is: "gone", ...(spentNanoUsd === undefined ? {} : { spentNanoUsd }) };
    }
    at = next;
  }
}

/** `WORKFLOW_EXECUTION_STATUS_RUNNING` of Temporal's API. */
const RUNNING = 1;

/** Whether a workflow runs. Not by the client's own `describe`, which reads the memo: another one's may be unreadable. */
export async function executionStatus(
  client: Context["client"],
  workflowId: string,
  runId?: string,
): Promise<"RUNNING" | "OVER"> {
  const { workflowExecutionInfo } = await client.workflowService.describeWorkflowExecution({
    namespace: client.options.namespace,
    execution: { workflowId, ...(runId === undefined ? {} : { runId }) },
  });
  return workflowExecutionInfo?.status === RUNNING ? "RUNNING" : "OVER";
}

/** Undefined: Temporal has forgotten it. */
async function statusOf({ client }: Context, workflowId: string, runId: string): Promise<string | undefined> {
  try {
    return await executionStatus(client, workflowId, runId);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** `HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT` of Temporal's API. */
const CLOSE_EVENT = 2;

async function nextHistory({ client, info }: Context, workflowId: string, runId: string): Promise<string | undefined> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: info.workflowNamespace ?? "default",
    execution: { workflowId, runId },
    historyEventFilterType: CLOSE_EVENT,
  });
  const last = history?.events?.at(-1);
  return last?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId || undefined;
}

/** A run that is over still answers queries. What it may have spent under this lease; undefined: nobody can say. */
async function spentBy(
  { client }: Context,
  { leaseId, workflowId, runId }: SilentHolder,
): Promise<NanoUsd | undefined> {
  try {
    const handle = client.workflow.getHandle(workflowId, runId);
    const ask = async () => await handle.query<{ leaseId: string; spentNanoUsd: NanoUsd } | null>("lease");
    const lease = await client.connection.withDeadline(Date.now() + QUERY_PATIENCE_MS, ask);
    return lease?.leaseId === leaseId ? lease.spentNanoUsd : undefined;
  } catch {
    return undefined;
  }
}

/** The memo of an account that is there; undefined: there is none. */
async function memoOf({ client }: Context, account: string): Promise<AccountMemo | undefined> {
  try {
    const { status, memo } = await client.workflow.getHandle(`budget:${account}`).describe();
    return status.name === "RUNNING" ? ((memo ?? {}) as AccountMemo) : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** `NOT_FOUND` of gRPC, as the client's own service says it. */
const NOT_FOUND = 5;

function isNotFound(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === "WorkflowNotFoundError" || (error as { readonly code?: unknown }).code === NOT_FOUND;
}

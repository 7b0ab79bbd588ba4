import type { Priority } from "@temporalio/common";
import {
  ActivityCancellationType,
  type ActivityFunction,
  proxyActivities,
  proxyLocalActivities,
} from "@temporalio/workflow";
import type {
  AgentActivities,
  AppendedMessages,
  AppendMessagesRequest,
  Compacted,
  CompactRequest,
  EditChecked,
  EditRequest,
  FindAccountsRequest,
  HolderState,
  ModelCallRequest,
  ModelCallResult,
  PublishRequest,
  ResolveAgentRequest,
  SilentHolder,
  StoreActivities,
  StoredRequest,
  TextChecked,
  ToolActivity,
  ToolCallRequest,
  ToolCallResult,
} from "../core/activity-contract.js";
import type { ResolvedAgent, ToolPolicy } from "../core/agent.js";
import { clipped } from "../core/clip.js";
import type { InPieces } from "../core/pieces.js";
import type { SignedDecisionRequest } from "../core/signed-decision.js";
import type { BlobAddress, TextOrRef } from "../core/transcript.js";
import { inOwnScope } from "./own-scope.js";

/*
 * One named function an activity, with its options: time-outs, heartbeat, retry policy, summary. The declared Promise
 * types let the linter see a call that nobody awaits.
 */

/** An attempt whose end is ambiguous is never retried behind the workflow's back: the next one needs a reservation of its own. */
const NEVER_BEHIND_OUR_BACK = ["TemporalTimeout:StartToClose", "TemporalTimeout:Heartbeat"];

/** A killed worker is noticed by this only; the worker heartbeats four times as often. */
const HEARTBEAT_TIMEOUT_MS = 1_500;

/** How often a provider is asked again for what it provably did not bill, where another model could be asked instead. */
const RETRIES_BEFORE_FALLBACK = 4;

/** How often an answer on its way is waited for: nothing is bought, so a worker that dies may be followed by another. */
const TRIES_TO_JOIN = 5;

/** How often a tool is tried again for a fault that is not its own. */
const TRIES_OF_A_TOOL = 20;

/** The server refuses a summary above 400 bytes, and then the whole task. */
const SUMMARY_BYTES = 200;

const { resolveAgent: resolveAgentActivity, storeReady: storeReadyActivity } = proxyActivities<AgentActivities>({
  startToCloseTimeout: "30s",
  heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { initialInterval: "500ms", maximumInterval: "20s" },
});

const { findAccounts: findAccountsActivity, lookAfterHolders: lookAfterHoldersActivity } =
  proxyActivities<AgentActivities>({
    startToCloseTimeout: "1m",
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    retry: { initialInterval: "500ms", maximumInterval: "20s" },
  });

const { isQueueServed: isQueueServedActivity } = proxyActivities<AgentActivities>({
  startToCloseTimeout: "10s",
  retry: { initialInterval: "1s", maximumAttempts: 3 },
});

const { callModel: callModelActivity } = proxyActivities<AgentActivities>({
  startToCloseTimeout: "15m",
  heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** Few tries: a task that waits for a store fills the history. `store.ts` waits outside of it. What they are given is large. */
const local = proxyLocalActivities<StoreActivities>({
  startToCloseTimeout: "20s",
  retry: { initialInterval: "200ms", maximumInterval: "1s", maximumAttempts: 4 },
});

const { publishEvents: publishEventsActivity } = proxyActivities<AgentActivities>({
  startToCloseTimeout: "1m",
  retry: { initialInterval: "1s", maximumInterval: "1m" },
});

/** Who pays for a step: accounts take turns on a queue, so that none starves another. */
export interface Payer {
  readonly account?: string | undefined;
}

/** The server takes keys of at most 64 bytes. */
const FAIRNESS_KEY_BYTES = 64;

function fairly({ account }: Payer): { readonly priority?: Priority } {
  return account === undefined ? {} : { priority: { fairnessKey: clipped(account, FAIRNESS_KEY_BYTES) } };
}

/** Captures an agent within the run's first task, which takes five events less than a step of its own; or fails at once. */
export async function resolveAgentNow(request: ResolveAgentRequest): Promise<ResolvedAgent | InPieces> {
  const quick = proxyLocalActivities<AgentActivities>({
    startToCloseTimeout: "3s",
    retry: { maximumAttempts: 1 },
    summary: clipped(`agent ${request.agent}`, SUMMARY_BYTES),
  });
  return await quick.resolveAgent(request);
}

/** Asked again for as long as the blob store is away; the pending activity says so. */
export async function resolveAgent(request: ResolveAgentRequest | StoredRequest): Promise<ResolvedAgent | InPieces> {
  return await resolveAgentActivity.executeWithOptions({ summary: clipped(`agent ${request.agent}`, SUMMARY_BYTES) }, [
    request,
  ]);
}

/** @param fallback there is another model to go to when this one stays unavailable */
export async function callModel(
  request: ModelCallRequest,
  options: { readonly timeoutMs: number; readonly fallback: boolean; readonly summary: string } & Payer,
): Promise<ModelCallResult> {
  const maximumAttempts = request.joinOnly ? TRIES_TO_JOIN : options.fallback ? RETRIES_BEFORE_FALLBACK : undefined;
  return await callModelActivity.executeWithOptions(
    {
      startToCloseTimeout: options.timeoutMs,
      summary: clipped(options.summary, SUMMARY_BYTES),
      ...fairly(options),
      retry: {
        initialInterval: "1s",
        maximumInterval: "1m",
        ...(request.joinOnly ? {} : { nonRetryableErrorTypes: NEVER_BEHIND_OUR_BACK }),
        ...(maximumAttempts === undefined ? {} : { maximumAttempts }),
      },
    },
    [request],
  );
}

/** Where a sandbox tool runs, and how long a worker may take to begin. */
export interface SandboxQueue {
  readonly queue: string;
  readonly takenWithinMs: number;
}

/** Runs a tool where its kind says. */
export async function callTool(
  policy: ToolPolicy,
  request: ToolCallRequest,
  { summary, sandbox, ...payer }: { readonly summary: string; readonly sandbox?: SandboxQueue } & Payer,
): Promise<ToolCallResult> {
  const type = `tool.${policy.name}`;
  if (policy.kind === "local") {
    const tools = proxyLocalActivities<Record<string, ToolActivity>>({
      startToCloseTimeout: policy.timeoutMs,
      retry: { initialInterval: "200ms", maximumAttempts: 3 },
    });
    return await (tools[type] as ToolActivity)(request);
  }
  const tools = proxyActivities<Record<string, ToolActivity & ActivityFunction>>({
    startToCloseTimeout: policy.timeoutMs,
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary: clipped(summary, SUMMARY_BYTES),
    ...fairly(payer),
    ...(sandbox ? { taskQueue: sandbox.queue, scheduleToStartTimeout: sandbox.takenWithinMs } : {}),
    retry: request.joinOnly
      ? { initialInterval: "500ms", maximumAttempts: TRIES_TO_JOIN }
      : {
          initialInterval: "500ms",
          maximumInterval: "20s",
          nonRetryableErrorTypes: NEVER_BEHIND_OUR_BACK,
          maximumAttempts: TRIES_OF_A_TOOL,
        },
  });
  return await (tools[type] as ToolActivity)(request);
}

/** What is too large to travel joins the transcript at once. */
export async function appendMessages(request: AppendMessagesRequest): Promise<AppendedMessages> {
  return await inOwnScope(async () => await local.appendMessages(request));
}

/** Makes what a model reads shorter. */
export async function compactTranscript(request: CompactRequest): Promise<Compacted> {
  return await inOwnScope(async () => await local.compact(request));
}

export async function storePiece(piece: string): Promise<BlobAddress> {
  return await inOwnScope(async () => await local.storePiece(piece));
}

export async function loadPiece(address: BlobAddress): Promise<string> {
  return await inOwnScope(async () => await local.loadPiece(address));
}

/** Arguments that a person wants to run instead, against the tool's schema. */
export async function checkEdit(request: EditRequest): Promise<EditChecked> {
  return await inOwnScope(async () => await local.checkEdit(request));
}

/** A decision that is signed, by the keys that workers know. */
export async function checkSigned(request: SignedDecisionRequest): Promise<{ readonly problem?: string }> {
  return await inOwnScope(async () => await local.checkSigned(request));
}

/** A message that is a blob, or too large to be carried along. */
export async function checkText(text: TextOrRef): Promise<TextChecked> {
  return await inOwnScope(async () => await local.checkText(text));
}

/** Why an account cannot lease from the one that is to be above it; null: it can. */
export async function parentProblem(request: FindAccountsRequest): Promise<string | null> {
  const summary = clipped(`are there accounts above ${request.account}?`, SUMMARY_BYTES);
  return (await findAccountsActivity.executeWithOptions({ summary }, [request])).problem;
}

/** What became of holders of an account's money that have said nothing for long. */
export async function lookAfterHolders(holders: readonly SilentHolder[]): Promise<readonly HolderState[]> {
  const summary = `looks after ${holders.length} holders`;
  return await lookAfterHoldersActivity.executeWithOptions({ summary }, [holders]);
}

/** Whether any worker asks a queue for activities. */
export async function isQueueServed(queue: string): Promise<boolean> {
  const summary = clipped(`is there a worker for ${queue}?`, SUMMARY_BYTES);
  return await isQueueServedActivity.executeWithOptions({ summary }, [queue]);
}

/** Resolves once the blob store is there again. */
export async function storeReady(): Promise<void> {
  await storeReadyActivity.executeWithOptions({ summary: "waits for the blob store" }, []);
}

/** Publishes within moments, or fails: beside a run, or at its end. */
export async function publishSoon(request: PublishRequest, patience: "10s" | "1m" | "2s"): Promise<void> {
  const summary = request.stored ? "the records of an outage" : `${request.records.length} records`;
  const options = { summary, retry: { maximumAttempts: 1 }, scheduleToCloseTimeout: patience };
  await publishEventsActivity.executeWithOptions(options, [request]);
}

/** Publishes at once where the broker is there: without a step of its own, for a workflow whose records cannot change. */
export async function publishNow(request: PublishRequest): Promise<void> {
  const quick = proxyLocalActivities<AgentActivities>({ startToCloseTimeout: "5s", retry: { maximumAttempts: 1 } });
  await quick.publishEvents(request);
}

/** Publishes however long it takes. */
export async function publishPatiently(request: PublishRequest): Promise<void> {
  const summary = `${request.records.length} records${request.stored ? " and those of an outage" : ""}`;
  await publishEventsActivity.executeWithOptions({ summary }, [request]);
}

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
  ModelCallRequest,
  ModelCallResult,
  OutgoingRecord,
  ResolveAgentRequest,
  StoreActivities,
  ToolActivity,
  ToolCallRequest,
  ToolCallResult,
} from "../core/activity-contract.js";
import type { ResolvedAgent, ToolPolicy } from "../core/agent.js";
import type { BlobAddress } from "../core/transcript.js";

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

const { resolveAgent: resolveAgentActivity } = proxyActivities<AgentActivities>({
  startToCloseTimeout: "30s",
  retry: { initialInterval: "500ms", maximumInterval: "20s" },
});

const { callModel: callModelActivity } = proxyActivities<AgentActivities>({
  startToCloseTimeout: "15m",
  heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

const local = proxyLocalActivities<StoreActivities & AgentActivities>({
  startToCloseTimeout: "20s",
  retry: { initialInterval: "200ms", maximumInterval: "10s" },
});

const { publishEvents: publishEventsActivity } = proxyActivities<AgentActivities>({
  startToCloseTimeout: "30s",
  retry: { initialInterval: "1s", maximumInterval: "1m" },
});

export async function resolveAgent(request: ResolveAgentRequest): Promise<ResolvedAgent> {
  return await resolveAgentActivity.executeWithOptions({ summary: `agent ${request.agent}` }, [request]);
}

/** @param fallback there is another model to go to when this one stays unavailable */
export async function callModel(
  request: ModelCallRequest,
  options: { readonly timeoutMs: number; readonly fallback: boolean; readonly summary: string },
): Promise<ModelCallResult> {
  return await callModelActivity.executeWithOptions(
    {
      startToCloseTimeout: options.timeoutMs,
      summary: options.summary,
      retry: {
        initialInterval: "1s",
        maximumInterval: "1m",
        nonRetryableErrorTypes: NEVER_BEHIND_OUR_BACK,
        ...(options.fallback ? { maximumAttempts: RETRIES_BEFORE_FALLBACK } : {}),
      },
    },
    [request],
  );
}

/** Runs a tool where its kind says. */
export async function callTool(
  policy: ToolPolicy,
  request: ToolCallRequest,
  options: { readonly summary: string; readonly sandboxQueue: string },
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
    summary: options.summary,
    ...(policy.kind === "sandbox" ? { taskQueue: options.sandboxQueue } : {}),
    retry: policy.repeatable
      ? { initialInterval: "500ms", maximumInterval: "20s", maximumAttempts: 20 }
      : { initialInterval: "500ms", nonRetryableErrorTypes: NEVER_BEHIND_OUR_BACK, maximumAttempts: 20 },
  });
  return await (tools[type] as ToolActivity)(request);
}

/** What is too large to travel joins the transcript at once. */
export async function appendMessages(request: AppendMessagesRequest): Promise<AppendedMessages> {
  return await local.appendMessages(request);
}

export async function storePiece(piece: string): Promise<BlobAddress> {
  return await local.storePiece(piece);
}

export async function loadPiece(address: BlobAddress): Promise<string> {
  return await local.loadPiece(address);
}

/** Publishes within moments, or fails: for a run that parks. */
export async function publishSoon(records: readonly OutgoingRecord[]): Promise<void> {
  const summary = `${records.length} records`;
  const retry = { maximumAttempts: 1 };
  await publishEventsActivity.executeWithOptions({ summary, retry, scheduleToCloseTimeout: "10s" }, [records]);
}

/** Publishes at once, without a step of its own: for the end of a run. */
export async function publishNow(records: readonly OutgoingRecord[]): Promise<void> {
  const quick = proxyLocalActivities<AgentActivities>({ startToCloseTimeout: "3s", retry: { maximumAttempts: 1 } });
  await quick.publishEvents(records);
}

/** Publishes however long it takes. */
export async function publishPatiently(records: readonly OutgoingRecord[], key: string): Promise<void> {
  await publishEventsActivity.executeWithOptions({ summary: `${records.length} records` }, [records, key]);
}

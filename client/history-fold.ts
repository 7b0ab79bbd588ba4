import type { ModelCallRequest, ModelCallResult, ToolCallRequest } from "../core/activity-contract.js";
import type { RunResult } from "../core/run.js";
import type { RunChange } from "./run-changes.js";
import type { RunEnd } from "./run-states.js";
import type { HistoryEvent, Temporal } from "./temporal.js";

/** What the events so far say, and what only the run itself can say. */
export interface HistoryFold {
  /** The changes that an event makes, oldest first. */
  take(event: HistoryEvent): Promise<readonly RunChange[]>;
  /** Money may have moved since this was last asked. */
  moneyMoved(): boolean;
  /** Calls of the turn are neither running nor done: they may wait for people. */
  callsWaiting(): boolean;
  /** No activity is under way: the run waits for something. */
  isIdle(): boolean;
}

interface Pending {
  readonly model?: ModelCallRequest;
  readonly tool?: { readonly name: string; readonly request: ToolCallRequest };
}

const TOOL_ACTIVITY = /^tool\.(.+)$/;

/** Reads a run's history, event by event: turns, tools and tokens without a question to the run. */
export function createHistoryFold(decode: Temporal["decode"]): HistoryFold {
  const pending = new Map<string, Pending>();
  const total = { inputTokens: 0, outputTokens: 0 };
  let moneyMoved = false;
  let unseenCalls = new Set<string>();

  const scheduled = async (event: HistoryEvent, at: string): Promise<readonly RunChange[]> => {
    const attributes = event.activityTaskScheduledEventAttributes;
    const type = attributes?.activityType?.name ?? "";
    const tool = TOOL_ACTIVITY.exec(type)?.[1];
    if (type === "callModel") {
      const model = (await decode(attributes?.input?.payloads)) as ModelCallRequest;
      pending.set(String(event.eventId), { model });
      unseenCalls = new Set();
      return [{ kind: "thinking", at, turn: model.turn, attempt: model.attempt, model: model.model }];
    }
    if (tool === undefined) {
      pending.set(String(event.eventId), {});
      return [];
    }
    const request = (await decode(attributes?.input?.payloads)) as ToolCallRequest;
    pending.set(String(event.eventId), { tool: { name: tool, request } });
    unseenCalls.delete(request.callId);
    return [{ kind: "tool", at, turn: request.turn, tool, callId: request.callId, stage: "running" }];
  };

  const answered = (request: ModelCallRequest, result: ModelCallResult, at: string): readonly RunChange[] => {
    const { turn, attempt, model } = request;
    moneyMoved = true;
    if (result.kind === "cut")
      return [{ kind: "unanswered", at, turn, attempt, model, message: "the run cut the call" }];
    const { kind: billed, usage, nanoUsd } = result.bill;
    total.inputTokens += usage.inputTokens;
    total.outputTokens += usage.outputTokens;
    unseenCalls = new Set(result.toolCalls.filter(({ problem }) => problem === undefined).map(({ id }) => id));
    const toolCalls = result.toolCalls.map(({ name }) => name);
    const unpriced = billed === "unpriced" ? ({ unpriced: true } as const) : {};
    const { model: answering } = result;
    return [
      { kind: "answered", at, turn, model: answering, usage, nanoUsd, ...unpriced, toolCalls, total: { ...total } },
    ];
  };

  const ended = async (event: HistoryEvent, at: string): Promise<readonly RunChange[]> => {
    const outcome = outcomeOf(event);
    const known = outcome && pending.get(outcome.scheduledEventId);
    if (!outcome || !known) return [];
    pending.delete(outcome.scheduledEventId);
    const { model, tool } = known;
    if (model && outcome.result) return answered(model, (await decode(outcome.result)) as ModelCallResult, at);
    if (model) {
      moneyMoved = true;
      const { turn, attempt } = model;
      return [{ kind: "unanswered", at, turn, attempt, model: model.model, message: outcome.message }];
    }
    if (!tool) return [];
    const facts = { kind: "tool", at, turn: tool.request.turn, tool: tool.name, callId: tool.request.callId } as const;
    return [outcome.result ? { ...facts, stage: "done" } : { ...facts, stage: "failed", message: outcome.message }];
  };

  return {
    async take(event) {
      const at = timeOf(event);
      if (event.activityTaskScheduledEventAttributes) return await scheduled(event, at);
      // What people send may change the terms.
      if (event.workflowExecutionSignaledEventAttributes || event.workflowExecutionUpdateAcceptedEventAttributes) {
        moneyMoved = true;
      }
      return [
        ...(await ended(event, at)),
        ...(await localTool(event, at, decode)),
        ...(await endOfRun(event, at, decode)),
      ];
    },
    moneyMoved() {
      const moved = moneyMoved;
      moneyMoved = false;
      return moved;
    },
    callsWaiting: () => unseenCalls.size > 0,
    isIdle: () => pending.size === 0,
  };
}

interface Outcome {
  readonly scheduledEventId: string;
  readonly result?: Parameters<Temporal["decode"]>[0];
  readonly message: string;
}

/** How an activity ended, where an event says so. */
function outcomeOf(event: HistoryEvent): Outcome | undefined {
  const done = event.activityTaskCompletedEventAttributes;
  if (done)
    return { scheduledEventId: String(done.scheduledEventId), result: done.result?.payloads ?? [], message: "" };
  const failed = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
  if (failed) {
    const message = failed.failure?.cause?.message || failed.failure?.message || "it did not answer in time";
    return { scheduledEventId: String(failed.scheduledEventId), message };
  }
  const canceled = event.activityTaskCanceledEventAttributes;
  return canceled ? { scheduledEventId: String(canceled.scheduledEventId), message: "it was cancelled" } : undefined;
}

/** A tool that ran in the workflow's own worker leaves a marker. */
async function localTool(event: HistoryEvent, at: string, decode: Temporal["decode"]): Promise<readonly RunChange[]> {
  const marker = event.markerRecordedEventAttributes;
  if (marker?.markerName !== "core_local_activity") return [];
  const facts = (await decode(marker.details?.data?.payloads)) as { readonly activity_type?: string } | undefined;
  const tool = TOOL_ACTIVITY.exec(facts?.activity_type ?? "")?.[1];
  return tool === undefined ? [] : [{ kind: "tool", at, tool, stage: marker.failure ? "failed" : "done" }];
}

/** The change that closes a run, or moves it to a new history. */
async function endOfRun(event: HistoryEvent, at: string, decode: Temporal["decode"]): Promise<readonly RunChange[]> {
  const completed = event.workflowExecutionCompletedEventAttributes;
  if (completed) {
    const result = (await decode(completed.result?.payloads)) as RunResult;
    return [{ kind: "ended", at, end: result.status, result }];
  }
  const runId = event.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  if (runId) return [{ kind: "continued", at, runId }];
  const end = endWithoutResult(event);
  return end ? [{ kind: "ended", at, end }] : [];
}

function endWithoutResult(event: HistoryEvent): RunEnd | undefined {
  if (event.workflowExecutionFailedEventAttributes) return "failed";
  if (event.workflowExecutionCanceledEventAttributes) return "canceled";
  if (event.workflowExecutionTerminatedEventAttributes) return "terminated";
  return event.workflowExecutionTimedOutEventAttributes ? "timed_out" : undefined;
}

/** ISO time of an event; `seconds` is a Long or a number. */
function timeOf(event: HistoryEvent): string {
  const seconds = Number(event.eventTime?.seconds ?? 0);
  return new Date(seconds * 1_000 + Math.floor((event.eventTime?.nanos ?? 0) / 1_000_000)).toISOString();
}

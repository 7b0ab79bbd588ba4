import { ActivityFailure, ApplicationFailure, TimeoutFailure, workflowInfo } from "@temporalio/workflow";
import type { ToolCallRequest, ToolCallResult } from "../core/activity-contract.js";
import type { ToolPolicy } from "../core/agent.js";
import type { JsonObject } from "../core/json.js";
import type { BlobRef } from "../core/transcript.js";
import { leaseClaim } from "./account-lease.js";
import { callTool, storeReady } from "./calls.js";
import { allUnlogged, isBacklog, logPatiently, noteLogged, storeWaiting } from "./outbox.js";
import { agentOf, type Run } from "./run-context.js";
import { callInSandbox } from "./sandbox-calls.js";
import { isLogAway, isStoreAway, onceStored } from "./store.js";

/** How often a tool that may be repeated is run again after an attempt that did not answer. */
const LOST_TRIES = 3;

/** A call as it is about to run. */
export interface ReadyCall {
  readonly callId: string;
  readonly args: JsonObject | BlobRef;
  /** What was approved. */
  readonly digest: string | undefined;
  /** A result above this becomes a ref. */
  readonly inlineBytes: number;
}

/**
 * Runs a tool to its result, over workers that die and stores that are away. A tool that must not be repeated runs once:
 * where its attempt did not answer, its result is taken if it has left one, else the model is told that nobody knows. So is
 * one that costs something: another attempt could cost as much again.
 * @throws ApplicationFailure `ToolFailed`, `SandboxUnavailable`
 */
export async function runTool(run: Run, tool: ToolPolicy, call: ReadyCall): Promise<ToolCallResult> {
  const request = requestFor(run, tool, call);
  for (let lost = 0; ; ) {
    if (tool.kind === "sandbox" && isBacklog(run)) await onceStored(run, async () => await storeWaiting(run));
    const before = tool.kind === "sandbox" ? allUnlogged(run) : undefined;
    try {
      const retried = lost > 0 ? { retried: true as const } : {};
      const result = await callOnce(run, tool, { ...request, ...retried, ...(before ? { before } : {}) });
      if (before && result.publishedSeq !== undefined) noteLogged(run, before, result.publishedSeq);
      return result;
    } catch (error) {
      const cause = error instanceof ActivityFailure ? error.cause : undefined;
      if (isStoreAway(error)) await storeReady();
      else if (before && isLogAway(error)) await logPatiently(run, before);
      else if (leaseVoidIn(error) !== undefined) throw error;
      else if (cause instanceof ApplicationFailure) throw toolFailure(tool, cause);
      else if (!(cause instanceof TimeoutFailure)) throw error;
      else if (!tool.repeatable || tool.maxCostNanoUsd !== undefined) return await leftResult(run, tool, request);
      else if (++lost >= LOST_TRIES) return { error: `${tool.name} did not answer in time, ${LOST_TRIES} times` };
    }
  }
}

/** A reset has made this history, of this id, and its lease is not its own: the tool was not run. */
export function leaseVoidIn(error: unknown): string | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure) || cause.type !== "LeaseVoid") return undefined;
  return (cause.details?.[0] as { readonly leaseVoidIn?: string } | undefined)?.leaseVoidIn;
}

/** What an attempt that did not answer has done after all. */
async function leftResult(run: Run, tool: ToolPolicy, request: ToolCallRequest): Promise<ToolCallResult> {
  const unknown = { error: `${tool.name} did not answer in time; whether it did its work is unknown` };
  if (tool.kind === "local") return unknown;
  try {
    const left = await callOnce(run, tool, { ...request, joinOnly: true });
    return left.missing ? unknown : left;
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : undefined;
    if (cause instanceof ApplicationFailure || cause instanceof TimeoutFailure) return unknown;
    throw error;
  }
}

function requestFor(run: Run, tool: ToolPolicy, call: ReadyCall): ToolCallRequest {
  const { workspace, turn } = run.state;
  return {
    definition: agentOf(run).definition,
    tool: tool.name,
    callId: call.callId,
    args: call.args,
    firstRunId: workflowInfo().firstExecutionRunId,
    turn,
    ...(call.digest === undefined ? {} : { digest: call.digest }),
    ...(tool.kind === "sandbox" && workspace ? { workspace } : {}),
    inlineBytes: call.inlineBytes,
    ...(tool.maxCostNanoUsd === undefined ? {} : leaseClaim(run)),
  };
}

async function callOnce(run: Run, tool: ToolPolicy, request: ToolCallRequest): Promise<ToolCallResult> {
  const summary = `turn ${run.state.turn} · ${tool.name}`;
  if (tool.kind === "sandbox") return await callInSandbox(run, tool, request, summary);
  return await callTool(tool, request, { summary, account: run.input.account });
}

function toolFailure(tool: ToolPolicy, { message, type }: ApplicationFailure): ApplicationFailure {
  const ours = type === "SandboxUnavailable" ? type : "ToolFailed";
  return ApplicationFailure.nonRetryable(`${tool.name}: ${message}`, ours);
}

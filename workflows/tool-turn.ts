import { ActivityFailure, ApplicationFailure, TimeoutFailure, workflowInfo } from "@temporalio/workflow";
import { INLINE_BYTES, type ToolCallResult } from "../core/activity-contract.js";
import type { ToolPolicy } from "../core/agent.js";
import type { Gate } from "../core/gate.js";
import type { JsonObject } from "../core/json.js";
import { checkLimits, countCall } from "../core/limits.js";
import { needsApproval } from "../core/policy.js";
import type { CallProgress } from "../core/run.js";
import type { BlobRef, Message, ToolResult } from "../core/transcript.js";
import { callTool } from "./calls.js";
import { decisionOn, openGateFor } from "./gates.js";
import { waitWhileHeld } from "./holding.js";
import { sandboxQueue } from "./names.js";
import { recordEvent } from "./outbox.js";
import { nowMs, type Run } from "./run-context.js";
import { say } from "./run-status.js";

/** The tool calls of a turn side by side; false when the run should go on in a new history first. */
export async function toolTurn(run: Run): Promise<boolean> {
  const outcomes = await Promise.allSettled(run.state.calls.map(async ({ call }) => await handleCall(run, call.id)));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  if (run.state.ending) return true;
  if (run.state.calls.some(({ stage }) => stage !== "done")) return false;
  const toolResults = run.state.calls.map(({ result }) => result as ToolResult);
  const message: Message = { role: "tool", toolResults, turn: run.state.turn };
  run.state.newMessages = [message];
  run.state.calls = [];
  return true;
}

/** One call from the model's wish to its result, from wherever it stands. */
async function handleCall(run: Run, id: string): Promise<void> {
  const tool = run.state.agent?.tools.find(({ name }) => name === progressOf(run, id).call.name);
  const { problem } = progressOf(run, id).call;
  if (progressOf(run, id).stage === "done") return;
  if (progressOf(run, id).stage === "asked") {
    if (!countAgainstLimits(run, id)) return;
    if (problem !== undefined || !tool) return finish(run, id, { error: problem ?? "there is no such tool" });
    if (tool.kind === "human" || needsApproval(tool, run.input.approvals, run.state.agent?.approvalTools ?? {})) {
      const gate = openGateFor(run, progressOf(run, id), tool);
      const askedWith = run.state.workspace ? { askedWith: run.state.workspace } : {};
      update(run, id, { stage: "gated", gate: gate.gate, digest: gate.digest, ...askedWith });
    } else update(run, id, { stage: "ready" });
  }
  if (!tool) return;
  if (progressOf(run, id).stage === "gated" && !(await passGate(run, id, tool))) return;
  if (!(await waitWhileHeld(run)) || run.state.ending) return;
  await perform(run, id, tool);
}

/** True where the call may run now. */
async function passGate(run: Run, id: string, tool: ToolPolicy): Promise<boolean> {
  const gate = await decisionOn(run, progressOf(run, id).gate ?? "");
  if (!gate || gate.state === "pending") return false;
  if (gate.state !== "approved") {
    run.state.ending ??= { status: "rejected", stopReason: refusalOf(gate) };
    return false;
  }
  if (tool.kind === "human") {
    finish(run, id, { result: answerOf(gate) });
    return false;
  }
  update(run, id, { stage: "ready", args: gate.args as JsonObject | BlobRef, digest: gate.digest });
  return true;
}

async function perform(run: Run, id: string, tool: ToolPolicy): Promise<void> {
  if (tool.kind !== "sandbox") return await execute(run, id, tool);
  const before = run.workspaceTurn;
  let done = () => {};
  run.workspaceTurn = new Promise((resolve) => {
    done = resolve;
  });
  try {
    await before;
    await execute(run, id, tool);
  } finally {
    done();
  }
}

async function execute(run: Run, id: string, tool: ToolPolicy): Promise<void> {
  const { args, digest } = progressOf(run, id);
  update(run, id, { stage: "running" });
  say(run, "running", `turn ${run.state.turn}: ${tool.name} is running`);
  const request = {
    definition: run.state.agent?.definition ?? "sha256:",
    tool: tool.name,
    callId: id,
    args,
    firstRunId: workflowInfo().firstExecutionRunId,
    turn: run.state.turn,
    ...(digest ? { digest } : {}),
    ...(tool.kind === "sandbox" && run.state.workspace ? { workspace: run.state.workspace } : {}),
    inlineBytes: Math.max(1_024, Math.floor(INLINE_BYTES / run.state.calls.length) - 256),
  } as const;
  const options = {
    summary: `turn ${run.state.turn} · ${tool.name}`,
    sandboxQueue: sandboxQueue(workflowInfo().taskQueue),
  };
  const result = await callTool(tool, request, options).catch((error: unknown) => lostTool(tool, error));
  if (result.workspace) run.state.workspace = result.workspace;
  if (result.out) run.state.files = { ...run.state.files, ...result.out };
  if (result.backend)
    recordEvent(run, "wflo.sandbox.executed", { tool: tool.name, backend: result.backend, callId: id });
  finish(run, id, result);
}

/** A tool whose outcome is unknown and that must not be repeated: the model is told so. Everything else ends the run. */
function lostTool(tool: ToolPolicy, error: unknown): ToolCallResult {
  if (error instanceof ActivityFailure && error.cause instanceof TimeoutFailure) {
    return { error: `${tool.name} did not answer in time; whether it did its work is unknown` };
  }
  if (error instanceof ActivityFailure && error.cause instanceof ApplicationFailure) {
    const { message, type } = error.cause;
    const ours = type === "SandboxUnavailable" ? type : "ToolFailed";
    throw ApplicationFailure.nonRetryable(`${tool.name}: ${message}`, ours);
  }
  throw error;
}

function finish(run: Run, id: string, outcome: ToolCallResult): void {
  const { call } = progressOf(run, id);
  const said = outcome.error === undefined ? { result: outcome.result ?? null } : { error: outcome.error };
  update(run, id, { stage: "done", result: { id, name: call.name, ...said } });
  recordEvent(run, "wflo.tool.called", {
    turn: run.state.turn,
    tool: call.name,
    callId: id,
    outcome: outcome.error === undefined ? "ok" : "error",
  });
}

/** False where the call would pass one of the run's limits: then the run ends. */
function countAgainstLimits(run: Run, id: string): boolean {
  const { state, input } = run;
  const { name, args } = progressOf(run, id).call;
  state.limits = countCall(state.limits, { name, args });
  const over = checkLimits(state.limits, input.limits, nowMs());
  if (over) state.ending ??= { status: "limit_reached", stopReason: over.stopReason };
  return over === undefined;
}

function refusalOf(gate: Gate): string {
  if (gate.state === "expired") return `nobody decided on ${gate.gate} (${gate.tool}) in time`;
  const word = gate.decisions.findLast(({ decision }) => decision === "reject");
  const comment = word?.comment ? `: ${word.comment}` : "";
  return `${gate.gate} (${gate.tool}) was rejected by ${word?.by ?? "its deadline"}${comment}`;
}

function answerOf(gate: Gate): JsonObject {
  const word = gate.decisions.findLast(({ decision }) => decision === "approve");
  return { answer: word?.comment ?? "", by: word?.by ?? "" };
}

export function progressOf(run: Run, id: string): CallProgress {
  const progress = run.state.calls.find(({ call }) => call.id === id);
  if (!progress) throw new Error(`the turn has the call ${id}`);
  return progress;
}

function update(run: Run, id: string, change: Partial<CallProgress>): void {
  run.state.calls = run.state.calls.map((one) => (one.call.id === id ? { ...one, ...change } : one));
}

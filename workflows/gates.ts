import { condition } from "@temporalio/workflow";
import type { ToolPolicy } from "../core/agent.js";
import { callDigest } from "../core/call-digest.js";
import { expire, type Gate, openGate } from "../core/gate.js";
import { jsonBytes } from "../core/input-bound.js";
import type { Json, JsonObject } from "../core/json.js";
import type { CallProgress } from "../core/run.js";
import type { BlobAddress, BlobRef } from "../core/transcript.js";
import { parkLease } from "./account-lease.js";
import { recordAudit, recordEvent } from "./outbox.js";
import { now, nowMs, type Run, shouldContinueAsNew } from "./run-context.js";
import { tellGate } from "./run-spans.js";
import { meters, sayTools } from "./run-status.js";

/** Closed gates stay to be read, the last few: they are carried along. */
const CLOSED_GATES_KEPT = 20;
const CLOSED_GATES_BYTES = 16 * 1024;

/** Asks people about a tool call; the gate is workflow state, so waiting holds no worker. */
export function openGateFor(run: Run, progress: CallProgress, tool: ToolPolicy): Gate {
  const { state, input } = run;
  const { approvals } = input;
  state.gateCount += 1;
  const digest = digestFor(tool, progress.args, state.workspace);
  const gate = openGate({
    gate: `g${state.gateCount}`,
    title: titleOf(progress, tool),
    tool: tool.name,
    args: progress.args as Json,
    digest,
    requestedAt: now(),
    timeoutMs: approvals.timeoutMs,
    onTimeout: approvals.onTimeout,
    approvers: approvals.approvers,
    quorum: approvals.quorum,
    escalateTo: approvals.escalateTo,
    identity: approvals.identity,
  });
  state.gates = [...keptGates(state.gates), gate];
  tellRequested(run, gate);
  recordAudit(run, "approval.requested", { gate: gate.gate, tool: tool.name, digest });
  return gate;
}

/** Waits until people (or time) have decided; undefined when the run should go on in a new history instead. */
export async function decisionOn(run: Run, id: string): Promise<Gate | undefined> {
  for (;;) {
    const gate = gateOf(run, id);
    if (gate.state !== "pending" || run.state.ending) return gate;
    sayTools(run);
    parkLease(run);
    const waitMs = gate.deadline === undefined ? undefined : Math.max(1, Date.parse(gate.deadline) - nowMs());
    const decided = () => gateOf(run, id).state !== "pending" || run.state.ending !== null || shouldContinueAsNew(run);
    if (waitMs === undefined) await condition(decided);
    else if (!(await condition(decided, waitMs))) expireGate(run, id);
    if (gateOf(run, id).state === "pending" && shouldContinueAsNew(run)) return undefined;
  }
}

export function gateOf(run: Run, id: string): Gate {
  const gate = run.state.gates.find((candidate) => candidate.gate === id);
  if (!gate) throw new Error(`the run remembers the gate ${id}`);
  return gate;
}

export function putGate(run: Run, gate: Gate): void {
  run.state.gates = run.state.gates.map((other) => (other.gate === gate.gate ? gate : other));
}

/** What is approved once an approver has edited the arguments. */
export function digestOfGate(run: Run, gate: Gate): string {
  const progress = run.state.calls.find((one) => one.gate === gate.gate);
  const tool = run.state.agent?.tools.find(({ name }) => name === gate.tool);
  return progress && tool ? digestFor(tool, gate.args as JsonObject, progress.askedWith ?? null) : gate.digest;
}

/** Sandbox tools run what is in the workspace, so it is part of what is approved. */
function digestFor(tool: ToolPolicy, args: JsonObject | BlobRef, workspace: BlobAddress | null): string {
  const inWorkspace = tool.kind === "sandbox" && workspace ? { workspace } : {};
  return callDigest({ tool: tool.name, version: tool.version, args, ...inWorkspace });
}

/** The deadline has passed: rejected, approved, or other people are asked. */
function expireGate(run: Run, id: string): void {
  const before = gateOf(run, id);
  const gate = expire(before, now());
  if (gate === before) return;
  putGate(run, gate);
  const outcome = gate.state === "pending" ? "escalated" : gate.state;
  recordEvent(run, "wflo.approval.expired", { gate: id, tool: gate.tool, state: outcome });
  recordAudit(run, "approval.expired", { gate: id, tool: gate.tool, digest: gate.digest, state: outcome });
  if (gate.state === "pending") {
    tellRequested(run, gate);
    return;
  }
  meters.approvalDecided({ decision: gate.state, waitSeconds: (nowMs() - Date.parse(gate.requestedAt)) / 1_000 });
  tellGate(gate);
}

function tellRequested(run: Run, gate: Gate): void {
  const { gate: id, tool, title, digest, approvers, quorum, deadline } = gate;
  const until = deadline === undefined ? {} : { deadline };
  recordEvent(run, "wflo.approval.requested", { gate: id, tool, title, digest, approvers, quorum, ...until });
}

function titleOf(progress: CallProgress, tool: ToolPolicy): string {
  if (tool.kind !== "human") return `Run ${tool.name}?`;
  const question = (progress.args as { question?: unknown }).question;
  return typeof question === "string" ? question.slice(0, 500) : "A question";
}

/** All that are open, or that a call of this turn waits for, and the last closed ones. */
function keptGates(gates: readonly Gate[]): readonly Gate[] {
  let count = 0;
  let bytes = 0;
  const kept = gates.toReversed().filter((gate) => {
    if (gate.state === "pending") return true;
    count += 1;
    bytes += jsonBytes(gate);
    return count <= CLOSED_GATES_KEPT && bytes <= CLOSED_GATES_BYTES;
  });
  return kept.toReversed();
}

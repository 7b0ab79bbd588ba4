import { CancellationScope, condition } from "@temporalio/workflow";
import { PART_BYTES, type ToolCallResult } from "../core/activity-contract.js";
import type { ToolPolicy } from "../core/agent.js";
import type { Gate } from "../core/gate.js";
import type { JsonObject } from "../core/json.js";
import type { Added } from "../core/ledger.js";
import { checkLimits, countCall } from "../core/limits.js";
import { needsApproval } from "../core/policy.js";
import type { CallProgress } from "../core/run.js";
import type { BlobRef, Message, ToolResult } from "../core/transcript.js";
import { renewLease } from "./account-lease.js";
import { decisionOn, openGateFor } from "./gates.js";
import { waitWhileHeld } from "./holding.js";
import { costFacts } from "./model-books.js";
import { recordAudit, recordEvent } from "./outbox.js";
import { nowMs, type Run } from "./run-context.js";
import { sayTools } from "./run-status.js";
import { chargeTool, holdForTool, releaseTool, settleTool, type ToolHold } from "./tool-money.js";
import { leaseVoidIn, type ReadyCall, runTool } from "./tool-run.js";

/** Tools of one run that run side by side; the others wait. The server takes 2,000 pending activities of a run. */
const TOOLS_AT_ONCE = 50;

/** A result of a turn with many is small, so that a turn's results stay small together. In bytes. */
const LEAST_RESULT_BYTES = 1_024;

/** The tool calls of a turn side by side; false when the run should go on in a new history first. */
export async function toolTurn(run: Run): Promise<boolean> {
  const failures: unknown[] = [];
  const scope = new CancellationScope({ cancellable: true });
  const handled = run.state.calls.map(async ({ call }) => {
    await scope
      .run(async () => await handleCall(run, call.id))
      .catch((error: unknown) => {
        failures.push(error);
        // The run is about to fail: nobody is asked any more, and no other tool goes on.
        scope.cancel();
      });
  });
  await Promise.all(handled);
  if (failures.length > 0) throw failures[0];
  if (run.state.ending) return true;
  if (run.state.calls.some(({ stage }) => stage !== "done")) return false;
  endTurn(run, (progress) => progress.result as ToolResult);
  return true;
}

/** A run that ends in the middle of a turn: what was done, and what was not. */
export function abandonTurn(run: Run, why: string): void {
  if (run.state.calls.length === 0) return;
  endTurn(run, ({ call: { id, name }, stage, result }) => {
    const error = stage === "running" ? `its end was not waited for: ${why}` : `not run: ${why}`;
    return result ?? { id, name, error };
  });
}

function endTurn(run: Run, resultOf: (progress: CallProgress) => ToolResult): void {
  const { state } = run;
  const sandboxed = state.calls.some(({ call }) => toolOf(run, call.name)?.kind === "sandbox");
  const message: Message = {
    role: "tool",
    toolResults: state.calls.map(resultOf),
    turn: state.turn,
    ...(sandboxed && state.workspace ? { workspace: state.workspace } : {}),
  };
  state.newMessages = [...state.newMessages, message];
  state.calls = [];
}

/** One call from the model's wish to its result, from wherever it stands. */
async function handleCall(run: Run, id: string): Promise<void> {
  const { call, stage } = progressOf(run, id);
  if (stage === "done" || run.state.ending) return;
  const tool = toolOf(run, call.name);
  if (stage === "asked") {
    if (!countAgainstLimits(run, id)) return;
    if (call.problem !== undefined || !tool) return finish(run, id, { error: call.problem ?? "there is no such tool" });
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
  if (tool.kind !== "sandbox") return await inSlot(run, async () => await execute(run, id, tool));
  const before = run.workspaceTurn;
  let done = () => {};
  run.workspaceTurn = new Promise((resolve) => {
    done = resolve;
  });
  try {
    await before;
    // The one before may have taken long.
    if (!(await waitWhileHeld(run)) || run.state.ending) return;
    await execute(run, id, tool);
  } finally {
    done();
  }
}

async function inSlot(run: Run, work: () => Promise<void>): Promise<void> {
  while (run.toolsRunning >= TOOLS_AT_ONCE) {
    await condition(() => run.toolsRunning < TOOLS_AT_ONCE);
    if (!(await waitWhileHeld(run)) || run.state.ending) return;
  }
  run.toolsRunning += 1;
  try {
    await work();
  } finally {
    run.toolsRunning -= 1;
  }
}

async function execute(run: Run, id: string, tool: ToolPolicy): Promise<void> {
  const hold = await holdForTool(run, id, tool);
  if (hold === false) return;
  const { args, digest } = progressOf(run, id);
  update(run, id, { stage: "running" });
  sayTools(run);
  const facts = { turn: run.state.turn, tool: tool.name, callId: id };
  // In the same workflow task as the call: it is there also where nothing ever comes back.
  if (tool.kind === "sandbox") recordAudit(run, "code.started", { ...facts, ...(digest ? { digest } : {}) });
  const share = Math.floor((2 * PART_BYTES.value) / (1 + run.state.calls.length));
  const inlineBytes = Math.max(LEAST_RESULT_BYTES, share);
  const paid = await runPaid(run, tool, { callId: id, args, digest, inlineBytes }, hold);
  if (paid === null) return await execute(run, id, tool);
  const { result, added } = paid;
  if (result.workspace) run.state.workspace = result.workspace;
  if (result.out) run.state.files = result.out;
  if (result.out) run.state.filesRef = result.outRef ?? null;
  if (result.backend) {
    recordEvent(run, "wflo.sandbox.executed", { ...facts, backend: result.backend });
    const why = result.backendWhy === undefined ? {} : { why: result.backendWhy };
    recordAudit(run, "code.executed", { ...facts, backend: result.backend, ...why });
    for (const asked of result.egress ?? []) recordAudit(run, "code.egress", { ...facts, ...asked });
  }
  if (result.stale) recordAudit(run, "tool.refused", { ...facts, digest: digest ?? "", why: "stale" });
  finish(run, id, result, added);
}

interface Paid {
  readonly result: ToolCallResult;
  readonly added?: Added;
}

/** Runs a tool, and books what it cost; null: a reset has made this history, so the money has to be leased anew. */
async function runPaid(run: Run, tool: ToolPolicy, call: ReadyCall, hold: ToolHold | null): Promise<Paid | null> {
  if (!hold) return { result: await runTool(run, tool, call) };
  try {
    const result = await runTool(run, tool, call);
    return { result, added: settleTool(run, hold, result) };
  } catch (error) {
    const history = leaseVoidIn(error);
    if (history === undefined) {
      const facts = { turn: run.state.turn, tool: tool.name, callId: call.callId, outcome: "lost" } as const;
      recordEvent(run, "wflo.tool.called", { ...facts, ...costFacts(chargeTool(run, hold)) });
      throw error;
    }
    releaseTool(run, hold);
    renewLease(run, history);
    return null;
  }
}

function finish(run: Run, id: string, outcome: ToolCallResult, added?: Added): void {
  const { call } = progressOf(run, id);
  const said = outcome.error === undefined ? { result: outcome.result ?? null } : { error: outcome.error };
  update(run, id, { stage: "done", result: { id, name: call.name, ...said } });
  recordEvent(run, "wflo.tool.called", {
    turn: run.state.turn,
    tool: call.name,
    callId: id,
    outcome: outcome.error === undefined ? "ok" : "error",
    ...(added ? costFacts(added) : {}),
  });
  sayTools(run);
}

/** False where the call would pass one of the run's limits: then the run ends. */
function countAgainstLimits(run: Run, id: string): boolean {
  const { state, input } = run;
  const { name, args, problem } = progressOf(run, id).call;
  // Arguments that do not fit are not carried along; what is wrong with them tells such calls apart.
  state.limits = countCall(state.limits, { name, args: problem === undefined ? args : { ...args, problem } });
  const over = checkLimits(state.limits, input.limits, nowMs());
  if (over) state.ending ??= { status: "limit_reached", stopReason: over.stopReason };
  return over === undefined;
}

function refusalOf(gate: Gate): string {
  if (gate.state === "expired") return `nobody decided on ${gate.gate} (${gate.tool}) in time`;
  const word = gate.decisions.findLast(({ decision }) => decision === "reject");
  const comment = word?.comment ? `: ${word.comment.slice(0, 1_000)}` : "";
  return `${gate.gate} (${gate.tool}) was rejected by ${word?.by ?? "its deadline"}${comment}`;
}

function answerOf(gate: Gate): JsonObject {
  const word = gate.decisions.findLast(({ decision }) => decision === "approve");
  return { answer: word?.comment ?? "", by: word?.by ?? "" };
}

function toolOf(run: Run, name: string): ToolPolicy | undefined {
  return run.state.agent?.tools.find((tool) => tool.name === name);
}

function progressOf(run: Run, id: string): CallProgress {
  const progress = run.state.calls.find(({ call }) => call.id === id);
  if (!progress) throw new Error(`the turn has the call ${id}`);
  return progress;
}

function update(run: Run, id: string, change: Partial<CallProgress>): void {
  run.state.calls = run.state.calls.map((one) => (one.call.id === id ? { ...one, ...change } : one));
}

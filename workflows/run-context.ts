import { type CancellationScope, workflowInfo } from "@temporalio/workflow";
import type { ResolvedAgent } from "../core/agent.js";
import type { RunInput } from "../core/input.js";
import { invariant } from "../core/invariant.js";
import type { RunDoing, RunState } from "../core/run.js";

/** One run while it is in memory: what it remembers, and what only this worker's copy needs. */
export interface Run {
  readonly input: RunInput;
  readonly state: RunState;
  /** False while a carried state is being loaded: commands wait. */
  ready: boolean;
  /** Now, for people. */
  doing: { state: RunDoing; text: string; since: string };
  /** The model call that is under way; cancelled by pause, freeze and an ended wall time. */
  callScope: CancellationScope | null;
  /** Grows with every change of budget terms; waits for money look again. */
  termsVersion: number;
  /** Sandbox tools take turns: each begins from the workspace that the one before left. */
  workspaceTurn: Promise<void>;
  /** Published searchable values, so that only changes are written. */
  shown: { status: string; at: number; turn: number };
  /** Records are being published beside the run. */
  flush: CancellationScope | null;
}

/** ISO time by the workflow's clock. */
export function now(): string {
  return new Date().toISOString();
}

/** Epoch milliseconds by the workflow's clock. */
export function nowMs(): number {
  return Date.now();
}

/** The run has to stop before its next call. */
export function isHeld(run: Run): boolean {
  return run.state.paused || run.state.ledger.frozen;
}

/** History is long enough that the run goes on in a new one. */
export function shouldContinueAsNew(): boolean {
  return workflowInfo().continueAsNewSuggested;
}

/** The captured agent. @throws Error before it is resolved: a bug */
export function agentOf(run: Run): ResolvedAgent {
  invariant(run.state.agent !== null, "the agent is resolved before it works");
  return run.state.agent;
}

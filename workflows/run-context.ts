import { type CancellationScope, workflowInfo } from "@temporalio/workflow";
import type { ResolvedAgent } from "../core/agent.js";
import type { RunInput } from "../core/input.js";
import { invariant } from "../core/invariant.js";
import type { RunDoing, RunState } from "../core/run.js";

/** One run while it is in memory: what it remembers, and what only this worker's copy needs. */
export interface Run {
  /** What it was asked for; what only its beginning needs is dropped after that. */
  input: RunInput;
  readonly state: RunState;
  /** False while a carried state is being loaded: commands wait. */
  ready: boolean;
  /** Events of this history when the run was ready: one that has only just begun is not left again. */
  beganAt: number;
  /** Now, for people. */
  doing: { state: RunDoing; text: string; since: string };
  /** The model call that is under way; cancelled by pause and freeze. */
  callScope: CancellationScope | null;
  /** An answer that is too large to travel is being loaded: its tool calls, and their gates, come with it. */
  hearing: boolean;
  /** All work but the end; cancelled when the run's wall time is over. */
  workScope: CancellationScope | null;
  /** Ids of commands that were carried out since the state was read; `state.seen` has them once it is packed. */
  readonly newIds: Set<string>;
  /** Grows with every change of budget terms; waits for money look again. */
  termsVersion: number;
  /** Words to the run's account that are on their way, and why the last one did not get there. */
  accountWords: number;
  accountProblem: string | null;
  /** A sandbox tool that no worker has taken for long, and what people are told of it; one at a time runs. */
  untaken: { readonly callId: string; readonly text: string } | null;
  /** Tools that run now. */
  toolsRunning: number;
  /** Sandbox tools take turns: each begins from the workspace that the one before left. */
  workspaceTurn: Promise<void>;
  /** Messages that are looked at in the store; those that come later wait, so that the order stays. */
  messagesChecking: number;
  messageTurn: Promise<void>;
  /** Published searchable values, so that only changes are written. */
  shown: { status: string; at: number; turn: number };
  /** Records are being published beside the run. */
  flush: CancellationScope | null;
}

/** A history goes on for at least so many events, however much a run carries into it. */
const FEWEST_EVENTS = 20;

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
  return run.state.paused || run.state.ledger.frozen || run.state.lease?.lease.frozen === true;
}

/** History is long enough that the run goes on in a new one. */
export function shouldContinueAsNew(run: Run): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested && historyLength - run.beganAt >= FEWEST_EVENTS;
}

/** The captured agent. @throws Error before it is resolved: a bug */
export function agentOf(run: Run): ResolvedAgent {
  invariant(run.state.agent !== null, "the agent is resolved before it works");
  return run.state.agent;
}

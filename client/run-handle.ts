import type { WorkflowHandle } from "@temporalio/client";
import type { ReconcileCommand } from "../core/commands.js";
import type { GateView } from "../core/gate.js";
import type { Json } from "../core/json.js";
import type { BudgetView, Reconciled } from "../core/ledger-report.js";
import type { TranscriptView } from "../core/messages.js";
import type { RunResult, RunStatus } from "../core/run.js";
import type { RequestText, RunRequest, UsdAmount } from "../core/run-request.js";
import type { BlobAddress } from "../core/transcript.js";
import type { RunAuditTrail } from "./audit-trail.js";
import type { RunChange } from "./run-changes.js";
import { createRunCommands } from "./run-commands.js";
import type { RunSummary } from "./run-list.js";
import { createRunReader } from "./run-reader.js";
import type { RunStory } from "./story.js";
import type { History, Temporal } from "./temporal.js";
import type { TranscriptMessage } from "./transcript.js";

/** Who sends a command. */
export interface CommandOptions {
  /** A name, as the audit log has it. */
  readonly by?: string;
  /** A command with an id counts once, however often it is sent. @default a new one */
  readonly id?: string;
}

/** One person's word on a gate. */
export interface DecisionOptions {
  readonly by: string;
  /** The answer itself, for a tool that asks a question (`ask_human`). */
  readonly comment?: string;
  /** Arguments to run instead of the model's. */
  readonly args?: Json;
  /** The gate's digest as it was seen: refused as `stale` where the gate asks about something else by now. */
  readonly digest?: string;
}

/** One run of an agent. Every method rejects with ClientError (`kind` says why) where the call does not go through. */
export interface RunHandle extends RunReader, RunCommands {}

/** What there is to read of a run. */
export interface RunReader {
  readonly workflowId: string;
  /** Waits for the end. @throws RunFailed where the run has no result */
  result(): Promise<RunResult>;
  /** What Temporal's index knows, without a worker. */
  summary(): Promise<RunSummary>;
  /** What it was started with. */
  request(): Promise<RunRequest>;
  /** Temporal's id of its first history: what events and audit records call it by. */
  firstRunId(): Promise<string>;
  /** Its newest history, for a replay. */
  history(): Promise<History>;
  /** What all its histories have of its audit records, and of what people and tools did: for a look at the audit log. */
  auditTrail(): Promise<RunAuditTrail>;
  status(): Promise<RunStatus>;
  budget(): Promise<BudgetView & { readonly account?: string }>;
  /** Its gates: those that are open, and the last that were. */
  approvals(): Promise<readonly GateView[]>;
  /** Head of the transcript, and turns so far. */
  transcriptHead(): Promise<TranscriptView>;
  /** All messages so far, in full. */
  transcript(): Promise<readonly TranscriptMessage[]>;
  /** Addresses of the files that it has left so far, by name. */
  files(): Promise<Readonly<Record<string, BlobAddress>>>;
  /** The content of one of its files. */
  file(name: string): Promise<Uint8Array>;
  /** All that has happened so far, and its trace; without a worker. */
  story(): Promise<RunStory>;
  /** Changes from its start to its end, as they happen. */
  watch(options?: { readonly signal?: AbortSignal }): AsyncIterable<RunChange>;
}

/** What a run can be told. What is wrong with a command is said before it is sent: InvalidInput, naming every field. */
export interface RunCommands {
  /** @throws CommandRefused with the reason */
  decide(gate: string, decision: "approve" | "reject", options: DecisionOptions): Promise<GateView>;
  approve(gate: string, options: DecisionOptions): Promise<GateView>;
  reject(gate: string, options: DecisionOptions): Promise<GateView>;
  addBudget(usd: UsdAmount, options: CommandOptions & { readonly by: string }): Promise<BudgetView>;
  setLimit(usd: UsdAmount, options?: TermsOptions): Promise<void>;
  /** Stops before the next model or tool call, until `unfreeze`. */
  freeze(options?: TermsOptions): Promise<void>;
  unfreeze(options?: TermsOptions): Promise<void>;
  /** Books what a provider's list says of attempts that stand as unconfirmed; without `usage` one was not billed. Says which it changed. */
  reconcile(
    attempts: ReconcileCommand["attempts"],
    options: CommandOptions & { readonly by: string },
  ): Promise<Reconciled>;
  /** Says something to the agent; the answer is the turn that hears it. Above 256 KiB it has to be a blob's address. */
  say(text: RequestText, options?: CommandOptions): Promise<{ readonly turn: number }>;
  /** Sends one of the contract's signals as it is. The run ignores what it can't read. */
  signal(name: string, payload: object): Promise<void>;
  pause(options?: { readonly by?: string }): Promise<void>;
  resume(options?: { readonly by?: string }): Promise<void>;
  /** Asks it to end: it books what is under way, and ends as canceled. */
  cancel(): Promise<void>;
  /** Ends it at once, from outside: nothing is booked any more. */
  terminate(reason?: string): Promise<void>;
}

export interface TermsOptions extends CommandOptions {
  readonly reason?: string;
}

/** A handle to a run, by its workflow id. */
export function createRunHandle(temporal: Temporal, handle: WorkflowHandle): RunHandle {
  return { ...createRunReader(temporal, handle), ...createRunCommands(temporal, handle) };
}

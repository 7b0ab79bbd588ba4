import type { CheckedToolCall, LostAttempt } from "./activity-contract.js";
import type { ResolvedAgent } from "./agent.js";
import type { AuditChain } from "./audit.js";
import type { SeenIds } from "./dedupe.js";
import type { Outbox } from "./events.js";
import type { Gate } from "./gate.js";
import type { Json, JsonObject } from "./json.js";
import type { Ledger } from "./ledger.js";
import type { CostReport } from "./ledger-report.js";
import type { LimitCounts } from "./limits.js";
import type { TokenBound } from "./pricing.js";
import type { BlobAddress, BlobRef, Message, TextOrRef, ToolResult } from "./transcript.js";

/** What a run does, as the `status` query and `WfloStatus` say it. */
export type RunDoing = "running" | "awaiting_approval" | "awaiting_budget" | "paused" | "completing";

/** How a run ended without failing. */
export type RunOutcome = "completed" | "budget_exhausted" | "rejected" | "max_turns" | "limit_reached";

/** Answer of the `status` query. */
export interface RunStatus {
  readonly state: RunDoing;
  readonly turn: number;
  readonly agent: string;
  readonly model: string;
  /** For people: what is going on. */
  readonly doing: string;
  /** ISO time since when. */
  readonly since: string;
}

/** Result of `agentRun`. */
export interface RunResult {
  readonly status: RunOutcome;
  /** Why it stopped, where it did not complete. */
  readonly stopReason?: string;
  /** The answer; its beginning where it is above 32 KiB (then `outputRef` has all of it). */
  readonly output: string;
  readonly outputRef?: BlobAddress;
  /** By `outputSchema`. */
  readonly data?: Json;
  readonly turns: number;
  /** Head of the transcript; absent where no message was stored. */
  readonly transcript?: BlobAddress;
  readonly cost: CostReport;
  readonly files: Readonly<Record<string, BlobAddress>>;
  readonly audit: { readonly head: string; readonly records: number };
}

/** One tool call of the turn that is going on. */
export interface CallProgress {
  readonly call: CheckedToolCall;
  /** `asked` → (`gated` →) `ready` → `running` → `done` */
  readonly stage: "asked" | "gated" | "ready" | "running" | "done";
  readonly gate?: string;
  /** What runs: the model's arguments, or an approver's. */
  readonly args: JsonObject | BlobRef;
  /** What was approved. */
  readonly digest?: string;
  /** The workspace that the people were asked with. */
  readonly askedWith?: BlobAddress;
  readonly result?: ToolResult;
}

/** A run's end, decided but not yet told. */
export interface Ending {
  readonly status: RunOutcome;
  readonly stopReason?: string;
}

/**
 * Everything that a run remembers: plain JSON of constant size, carried over continue-as-new as it is.
 */
export interface RunState {
  readonly startedAt: string;
  agent: ResolvedAgent | null;
  /** Model calls answered so far. */
  turn: number;
  /** Reserved attempts at the answer of the next turn so far. */
  attempt: number;
  /** Index into the agent's models. */
  model: number;
  head: BlobAddress | null;
  /** Bytes of the transcript at `head`. */
  transcriptBytes: number;
  /** What the provider counted last: bounds the next prompt from its own numbers. */
  lastCount: { readonly model: string; readonly tokens: number; readonly transcriptBytes: number } | null;
  knownBounds: Readonly<Record<string, TokenBound>>;
  /** Goes to the model with the next call. */
  newMessages: readonly Message[];
  /** Said by people since; joins `newMessages` before the next call. */
  inbox: readonly Message[];
  /** Tool calls of the turn that is going on. */
  calls: readonly CallProgress[];
  answer: TextOrRef;
  data?: Json;
  /** The last answer asked for no tools: the run completes unless people said something since. */
  answered: boolean;
  repairs: number;
  ledger: Ledger;
  lost: readonly LostAttempt[];
  gates: readonly Gate[];
  gateCount: number;
  limits: LimitCounts;
  seen: SeenIds;
  outbox: Outbox;
  audit: AuditChain;
  paused: boolean;
  workspace: BlobAddress | null;
  files: Readonly<Record<string, BlobAddress>>;
  ending: Ending | null;
}

/** What continue-as-new carries: the state, or where its pieces are. */
export type CarriedState = { readonly state: RunState } | { readonly pieces: readonly BlobAddress[] };

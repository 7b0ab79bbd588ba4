import type { CheckedToolCall, LostAttempt } from "./activity-contract.js";
import type { ResolvedAgent } from "./agent.js";
import type { AuditChain } from "./audit.js";
import type { SeenIds } from "./dedupe.js";
import type { Outbox } from "./events.js";
import type { Gate } from "./gate.js";
import type { RunInput } from "./input.js";
import type { Json, JsonObject } from "./json.js";
import type { Ledger } from "./ledger.js";
import type { CostReport } from "./ledger-report.js";
import type { LimitCounts } from "./limits.js";
import type { InPieces } from "./pieces.js";
import type { TokenBound } from "./pricing.js";
import type { RunLease } from "./run-lease.js";
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
  /** Why it stopped, where it did not complete, or what is to be known of the answer (cut, empty). */
  readonly stopReason?: string;
  /** The answer; its beginning where it is too large to travel (then `outputRef` has all of it). */
  readonly output: string;
  readonly outputRef?: BlobAddress;
  /** By `outputSchema`. */
  readonly data?: Json;
  /** The blob that has the data's JSON, where it is too large to travel; then there is no `data`. */
  readonly dataRef?: BlobAddress;
  /** Model calls of this run; those before a fork are not counted. */
  readonly turns: number;
  /** Head of the transcript; absent where no message was stored. */
  readonly transcript?: BlobAddress;
  readonly cost: CostReport;
  /** The first ones where `filesRef` is given. */
  readonly files: Readonly<Record<string, BlobAddress>>;
  /** The blob that has all of `files`, where that is too large to travel. */
  readonly filesRef?: BlobAddress;
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

/** A lost attempt, as long as its answer may still come. */
export interface LostCall extends LostAttempt {
  readonly atMs: number;
}

/** A message with an id, and the turn that its sender was told. */
export interface ToldMessage {
  readonly id: string;
  readonly turn: number;
}

/**
 * Everything that a run remembers: plain JSON of constant size, carried over continue-as-new as it is.
 */
export interface RunState {
  readonly startedAt: string;
  agent: ResolvedAgent | null;
  /** The last turn that was answered; a fork goes on counting. */
  turn: number;
  /** The turn that a fork began after. */
  turnsBefore: number;
  /** Reserved attempts at the answer of the next turn so far. */
  attempt: number;
  /** The next turn's question is out and may be answered: what people say now waits for the one after it. */
  asking: boolean;
  /** The attempt after which an answer on its way was looked for in vain. */
  lookedAfter: number;
  /** Index into the agent's models. */
  model: number;
  head: BlobAddress | null;
  /** Bytes of the transcript at `head`. */
  transcriptBytes: number;
  /** A summary of older turns is being asked for: the model to go back to, and the turns that stay as they were. */
  compacting?: { readonly backTo: number; readonly keepFromTurn: number } | null;
  /** The turn after which the conversation was made shorter last. */
  compactedAt?: number;
  /** What the provider counted last: bounds the next prompt from its own numbers. */
  lastCount: { readonly model: string; readonly tokens: number; readonly transcriptBytes: number } | null;
  /** In the order of the agent's models. */
  knownBounds: readonly (TokenBound | null)[];
  /** Goes to the model with the next call. */
  newMessages: readonly Message[];
  /** Said by people since; joins `newMessages` before the next call. */
  inbox: readonly Message[];
  /** What was said before `inbox`, as blobs with lists of messages. */
  inboxStored: readonly BlobAddress[];
  /** The last messages with an id. */
  told: readonly ToldMessage[];
  /** Tool calls of the turn that is going on. */
  calls: readonly CallProgress[];
  answer: TextOrRef;
  data?: Json;
  dataRef: BlobAddress | null;
  /** What is to be known of the answer, where it is not whole. */
  flaw: string | null;
  /** The last answer asked for no tools: the run completes unless people said something since. */
  answered: boolean;
  repairs: number;
  ledger: Ledger;
  /** Holds of tools so far, so that each has an id of its own. @default 0 */
  toolHolds?: number;
  /** What it holds of its account; null: it has none. */
  lease: RunLease | null;
  lost: readonly LostCall[];
  gates: readonly Gate[];
  gateCount: number;
  limits: LimitCounts;
  seen: SeenIds;
  outbox: Outbox;
  publishing: Publishing;
  audit: AuditChain;
  paused: boolean;
  workspace: BlobAddress | null;
  files: Readonly<Record<string, BlobAddress>>;
  filesRef: BlobAddress | null;
  ending: Ending | null;
}

/** How the publishing goes: a broker that is away is asked less and less often. */
export interface Publishing {
  readonly failures: number;
  /** Not before this turn. */
  readonly nextTurn: number;
}

/** What continue-as-new carries: what the run was asked for (without what it has used up) and all that it remembers. */
export interface CarriedRun {
  readonly input: RunInput;
  readonly state: RunState;
}

/** The same, or where its pieces are. */
export type Carried = CarriedRun | InPieces;

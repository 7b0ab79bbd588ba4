import type { ResolvedAgent } from "./agent.js";
import type { EgressRecord } from "./egress.js";
import type { Json, JsonObject } from "./json.js";
import type { NanoUsd } from "./money.js";
import type { InPieces } from "./pieces.js";
import type { TokenBound } from "./pricing.js";
import type { SignedDecisionRequest } from "./signed-decision.js";
import type { BlobAddress, BlobRef, Message, TextOrRef } from "./transcript.js";
import type { Usage } from "./usage.js";

/*
 * The activities that workflows call. Recorded in histories: members are added, never changed or removed.
 */

/** No payload that a run sends or gets from its activities is larger, in UTF-8 bytes of JSON. */
export const INLINE_BYTES = 32 * 1024;

/** Parts of a payload that travel as a blob's address where they are larger, so that the whole stays below `INLINE_BYTES`. */
export const PART_BYTES = {
  /** Text, tool calls and data of one answer together. */
  answer: 18 * 1024,
  /** Tool calls of one answer; above it they come in pieces. */
  toolCalls: 12 * 1024,
  /** One value: arguments, a result, data. */
  value: 12 * 1024,
  /** Messages that travel to a model call; above it they join the transcript before. */
  messages: 16 * 1024,
  /** Records that travel beside a model call. */
  outbox: 8 * 1024,
  /** A run's files by name. */
  files: 4 * 1024,
  /** A tool's error, for the model. */
  error: 4 * 1024,
} as const;

/** A record on its way out. What an event has in common with all of its run is added when it is published. */
export interface OutgoingRecord {
  readonly topic: "events" | "audit";
  readonly seq: number;
  /** Of an event: `sequence`, `type`, `time` and `data`; of the audit log: the document itself. */
  readonly value: JsonObject;
}

/** Where records come from. */
export interface RecordSource {
  readonly namespace: string;
  /** Also the records' key. */
  readonly workflowId: string;
  readonly firstRunId: string;
}

export interface PublishRequest {
  readonly source: RecordSource;
  readonly records: readonly OutgoingRecord[];
  /** The newest blob of records that go out before these. */
  readonly stored?: BlobAddress;
}

/** Where a run goes on from: a transcript, up to `turn` with what its tools answered (without it: to its end). */
export interface ForkPoint {
  readonly transcript: BlobAddress;
  readonly turn?: number;
}

export interface ResolveAgentRequest {
  readonly agent: string;
  /** In order of preference; empty: the agent's own. */
  readonly models: readonly string[];
  readonly budgeted: boolean;
  readonly account?: string;
  readonly outputSchema?: JsonObject;
  readonly files: Readonly<Record<string, TextOrRef>>;
  /** What the user says first, where it is a blob: it has to be there. */
  readonly input?: BlobRef;
  readonly fork?: ForkPoint;
  /** False: nothing is said, so a fork has to end where a model has something to answer. */
  readonly hasInput: boolean;
}

/** A request that is too large to travel: the blob that has its JSON. */
export interface StoredRequest {
  readonly agent: string;
  readonly stored: BlobAddress;
}

/** An attempt that was booked as `unconfirmed`, whose answer may still arrive. */
export interface LostAttempt {
  readonly turn: number;
  /** The question's digest: with the run and the turn it makes the journal's key. */
  readonly asked: string;
  readonly attempt: number;
  /** The ledger's id of it. */
  readonly id: string;
}

/** Under which lease of an account something is bought: in a history that a reset has made, none of the one before. */
export interface LeaseClaim {
  /** As the run names it. */
  readonly account: string;
  /** Temporal's original id of the history that buys. */
  readonly history: string;
  /** Of the history in which the lease began. */
  readonly begunIn: string;
}

export interface ModelCallRequest {
  readonly definition: BlobAddress;
  readonly model: string;
  readonly firstRunId: string;
  readonly turn: number;
  /** Attempts of this turn that were reserved, this one included. */
  readonly attempt: number;
  readonly head: BlobAddress | null;
  readonly newMessages: readonly Message[];
  readonly maxOutputTokens: number;
  readonly reservedNanoUsd: NanoUsd;
  readonly lost: readonly LostAttempt[];
  readonly outbox: readonly OutgoingRecord[];
  /** Nothing is reserved: take an answer that is there or on its way, and buy none. */
  readonly joinOnly?: true;
  /** Absent: the run has no account. */
  readonly lease?: LeaseClaim;
  /** There is another model to ask. */
  readonly fallback?: true;
}

/** A tool call that the model asked for, checked against the tool's schema. */
export interface CheckedToolCall {
  readonly id: string;
  readonly name: string;
  readonly args: JsonObject | BlobRef;
  /** Why it cannot run (unknown tool, arguments that do not fit): goes back to the model. */
  readonly problem?: string;
}

/** What an attempt cost. */
export interface Bill {
  /** `confirmed`: by the provider's own count · `estimated`: an answer without usage, charged by bytes · `unpriced` */
  readonly kind: "confirmed" | "estimated" | "unpriced";
  readonly nanoUsd: NanoUsd;
  /** Of an answer from the cache: what was counted when it was bought. */
  readonly usage: Usage;
  readonly requestId?: string;
  /** The answer came from the cache and cost nothing; so much would it have cost. */
  readonly savedNanoUsd?: NanoUsd;
}

export interface ModelAnswered {
  readonly kind: "answered";
  /** The attempt that bought the answer; another than the request's where the journal had it. */
  readonly attempt: number;
  readonly head: BlobAddress;
  /** Bytes of the transcript at `head`. */
  readonly transcriptBytes: number;
  readonly text: TextOrRef;
  readonly toolCalls: readonly CheckedToolCall[];
  /** The tool calls where they are too large to travel; `toolCalls` is empty then. */
  readonly toolCallsIn?: InPieces;
  readonly finishReason: string;
  readonly bill: Bill;
  /** This attempt bought too, but an earlier attempt's answer was there first. */
  readonly ownBill?: Bill;
  readonly model: string;
  /** Of a run with an account: Temporal's id of the history that bought it. */
  readonly boughtIn?: string;
  /** A history that was reset has bought it: its lease has paid. */
  readonly paidElsewhere?: true;
  /** The answer as the output schema wants it, or why it does not fit. */
  readonly data?: Json;
  readonly dataRef?: BlobAddress;
  readonly dataProblems?: readonly string[];
  /** Exact bounds of the next call, in the order of the run's models; null where none is known. */
  readonly knownBounds?: readonly (TokenBound | null)[];
  readonly late?: readonly LateBill[];
  readonly publishedSeq?: number;
}

/** A lost attempt whose answer arrived after all. */
export interface LateBill {
  readonly id: string;
  readonly bill: Bill;
}

/** Our own word (cancel, pause, freeze) cut the call. */
export interface ModelCut {
  readonly kind: "cut";
  /** Undefined: may have been billed up to the reservation. */
  readonly bill?: Bill;
  /** The provider's, where its answer had begun and there is no bill. */
  readonly requestId?: string;
  /** Nothing was sent (also: `joinOnly`, and there is no answer). */
  readonly unsent?: boolean;
  readonly late?: readonly LateBill[];
}

export type ModelCallResult = ModelAnswered | ModelCut;

/** Details of the ApplicationFailure that ends an attempt without an answer. */
export interface AttemptFailure {
  readonly billed: "none" | "unknown" | "known";
  readonly bill?: Bill;
  /** The provider's, where its answer had begun and there is no bill. */
  readonly requestId?: string;
  /** Nothing was bought: a reset has made this history, of this id, and the lease is not its own. */
  readonly leaseVoidIn?: string;
}

export interface ToolCallRequest {
  readonly definition: BlobAddress;
  readonly tool: string;
  readonly callId: string;
  readonly args: JsonObject | BlobRef;
  readonly firstRunId: string;
  readonly turn: number;
  /** What was approved; the executor computes it again and refuses where it differs. */
  readonly digest?: string;
  readonly workspace?: BlobAddress;
  /** A result above this becomes a ref. */
  readonly inlineBytes: number;
  /** An attempt before this one did not answer. */
  readonly retried?: true;
  /** Take a result that is there or on its way, and do nothing. */
  readonly joinOnly?: true;
  /** Of a tool that costs something, in a run with an account. */
  readonly lease?: LeaseClaim;
  /** Of a sandbox tool: nothing runs before these are on the log. */
  readonly before?: Unlogged;
}

/** What a run has told nobody yet; the stored ones come before the others. */
export interface Unlogged {
  readonly records: readonly OutgoingRecord[];
  readonly stored?: BlobAddress;
}

export interface ToolCallResult {
  readonly result?: Json;
  readonly error?: string;
  readonly workspace?: BlobAddress;
  /** Files in `/workspace/out`, by name; the first ones where `outRef` is given. */
  readonly out?: Readonly<Record<string, BlobAddress>>;
  /** The blob that has all of `out`, where that is too large to travel. */
  readonly outRef?: BlobAddress;
  readonly backend?: string;
  /** Why code ran there. */
  readonly backendWhy?: string;
  /** What code asked of the network, where it had one. */
  readonly egress?: readonly EgressRecord[];
  /** What the tool says that the call cost, where it costs something. */
  readonly costNanoUsd?: NanoUsd;
  /** What was approved is not what would run: nothing was done. */
  readonly stale?: true;
  /** `joinOnly`, and there is no result: whether the tool did its work is unknown. */
  readonly missing?: true;
  /** What the request wanted on the log beforehand is there, up to this record. */
  readonly publishedSeq?: number;
}

export interface AppendMessagesRequest {
  readonly head: BlobAddress | null;
  /** Blobs with lists of messages, which come before `messages`. */
  readonly stored: readonly BlobAddress[];
  readonly messages: readonly Message[];
}

export interface AppendedMessages {
  readonly head: BlobAddress;
  readonly transcriptBytes: number;
}

/** Arguments that a person wants to run instead. */
export interface EditRequest {
  readonly definition: BlobAddress;
  readonly tool: string;
  readonly args: Json;
}

/** The arguments as they travel, or why they cannot run. */
export type EditChecked = { readonly args: JsonObject | BlobRef } | { readonly problem: string };

/** A text that a person sent, as it travels, or why it cannot be taken. */
export type TextChecked = { readonly text: TextOrRef } | { readonly problem: string };

/** Records that are stored until the broker is back: a chain of blobs, newest first. */
export interface StoredRecords {
  readonly prev: BlobAddress | null;
  readonly records: readonly OutgoingRecord[];
}

/** An account that is about to lease from another one. */
export interface FindAccountsRequest {
  readonly account: string;
  readonly parent: string;
}

/** A holder of an account's money that has said nothing for long. */
export interface SilentHolder {
  readonly leaseId: string;
  readonly workflowId: string;
  /** Of the history that spoke last. */
  readonly runId: string;
}

/** What became of a holder. */
export type HolderState =
  | { readonly leaseId: string; readonly is: "alive"; readonly runId: string }
  /** Gone; `spentNanoUsd` is what may be on its bill, where that can be found out. */
  | { readonly leaseId: string; readonly is: "gone"; readonly spentNanoUsd?: NanoUsd };

/** Activities on the agents' queue. */
export interface AgentActivities {
  resolveAgent(request: ResolveAgentRequest | StoredRequest): Promise<ResolvedAgent | InPieces>;
  callModel(request: ModelCallRequest): Promise<ModelCallResult>;
  publishEvents(request: PublishRequest): Promise<void>;
  /** Why an account cannot lease from its parent; null: it can. */
  findAccounts(request: FindAccountsRequest): Promise<{ readonly problem: string | null }>;
  lookAfterHolders(holders: readonly SilentHolder[]): Promise<readonly HolderState[]>;
  /** Resolves once the blob store takes and gives back a value. */
  storeReady(): Promise<void>;
  /** Whether any worker asks this queue for activities. */
  isQueueServed(queue: string): Promise<boolean>;
}

/** Called as local activities, whose arguments are in no history: what is large leaves the workflow here. */
export interface StoreActivities {
  appendMessages(request: AppendMessagesRequest): Promise<AppendedMessages>;
  /** Stores a piece of state; the address comes back. */
  storePiece(piece: string): Promise<BlobAddress>;
  loadPiece(address: BlobAddress): Promise<string>;
  checkEdit(request: EditRequest): Promise<EditChecked>;
  /** Whether who decides has signed it; `problem`: why it does not count. */
  checkSigned(request: SignedDecisionRequest): Promise<{ readonly problem?: string }>;
  checkText(text: TextOrRef): Promise<TextChecked>;
  compact(request: CompactRequest): Promise<Compacted>;
}

/** Makes a conversation shorter for a model, without anything of the transcript being lost. */
export interface CompactRequest {
  readonly head: BlobAddress;
  /** Turns from this one on stay as they were. */
  readonly keepFromTurn: number;
  /** `results`: old tool results are left out · `summary`: the last answer of the transcript takes the place of what is older */
  readonly how: "results" | "summary";
}

/** The transcript's head and the bytes of what a model reads then; unchanged where there was nothing to make shorter. */
export type Compacted = AppendedMessages;

/** `tool.NAME`, on the queue that the tool's kind says. */
export type ToolActivity = (request: ToolCallRequest) => Promise<ToolCallResult>;

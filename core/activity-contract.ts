import type { ResolvedAgent } from "./agent.js";
import type { Json, JsonObject } from "./json.js";
import type { NanoUsd } from "./money.js";
import type { TokenBound } from "./pricing.js";
import type { BlobAddress, BlobRef, Message, TextOrRef } from "./transcript.js";
import type { Usage } from "./usage.js";

/*
 * The activities that workflows call. Recorded in histories: members are added, never changed or removed.
 */

/** Above this many UTF-8 bytes a value travels as a blob's address. */
export const INLINE_BYTES = 32 * 1024;

/** A record on its way out: the topic's short name, and one JSON document. */
export interface OutgoingRecord {
  readonly topic: "events" | "audit";
  readonly seq: number;
  readonly value: JsonObject;
}

export interface ResolveAgentRequest {
  readonly agent: string;
  /** In order of preference; empty: the agent's own. */
  readonly models: readonly string[];
  readonly budgeted: boolean;
  readonly account?: string;
  readonly outputSchema?: JsonObject;
  readonly files: Readonly<Record<string, TextOrRef>>;
}

/** An attempt that was booked as `unconfirmed`, whose answer may still arrive. */
export interface LostAttempt {
  readonly key: string;
  readonly attempt: number;
  /** The ledger's id of it. */
  readonly id: string;
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
  /** Models whose exact next bound is wanted (the run's list). */
  readonly models: readonly string[];
  readonly lost: readonly LostAttempt[];
  readonly outbox: readonly OutgoingRecord[];
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
  readonly usage: Usage;
  readonly requestId?: string;
}

export interface ModelAnswered {
  readonly kind: "answered";
  /** The attempt that bought the answer; another than the request's where the journal had it. */
  readonly attempt: number;
  readonly journalKey: string;
  readonly head: BlobAddress;
  /** Bytes of the transcript at `head`. */
  readonly transcriptBytes: number;
  readonly text: TextOrRef;
  readonly toolCalls: readonly CheckedToolCall[];
  readonly finishReason: string;
  readonly bill: Bill;
  /** This attempt bought too, but an earlier attempt's answer was there first. */
  readonly ownBill?: Bill;
  readonly model: string;
  /** The answer as the output schema wants it, or why it does not fit. */
  readonly data?: Json;
  readonly dataProblems?: readonly string[];
  readonly knownBounds?: Readonly<Record<string, TokenBound>>;
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
  readonly journalKey: string;
  /** Undefined: may have been billed up to the reservation. */
  readonly bill?: Bill;
  /** Nothing was sent. */
  readonly unsent?: boolean;
}

export type ModelCallResult = ModelAnswered | ModelCut;

/** Details of the ApplicationFailure that ends an attempt without an answer. */
export interface AttemptFailure {
  readonly billed: "none" | "unknown" | "known";
  readonly bill?: Bill;
  readonly journalKey?: string;
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
}

export interface ToolCallResult {
  readonly result?: Json;
  readonly error?: string;
  readonly workspace?: BlobAddress;
  /** Files in `/workspace/out`, by name. */
  readonly out?: Readonly<Record<string, BlobAddress>>;
  readonly backend?: string;
}

export interface AppendMessagesRequest {
  readonly head: BlobAddress | null;
  readonly messages: readonly Message[];
}

export interface AppendedMessages {
  readonly head: BlobAddress;
  readonly transcriptBytes: number;
}

/** Activities on the agents' queue. */
export interface AgentActivities {
  resolveAgent(request: ResolveAgentRequest): Promise<ResolvedAgent>;
  callModel(request: ModelCallRequest): Promise<ModelCallResult>;
  /** @param key of the records; undefined: the workflow that calls. */
  publishEvents(records: readonly OutgoingRecord[], key?: string): Promise<void>;
}

/** Called as local activities, whose arguments are in no history: what is large leaves the workflow here. */
export interface StoreActivities {
  appendMessages(request: AppendMessagesRequest): Promise<AppendedMessages>;
  /** Stores a piece of state; the address comes back. */
  storePiece(piece: string): Promise<BlobAddress>;
  loadPiece(address: BlobAddress): Promise<string>;
}

/** `tool.NAME`, on the queue that the tool's kind says. */
export type ToolActivity = (request: ToolCallRequest) => Promise<ToolCallResult>;

import type { JsonObject } from "./json.js";
import type { NanoUsd } from "./money.js";
import type { ModelPrice, TokenBound } from "./pricing.js";
import type { BlobAddress, BlobRef } from "./transcript.js";

/** What a limit does with a model that has no price (WFLO_UNPRICED). */
export type UnpricedRule = "refuse" | "allow";

/** How a tool does its work. */
export type ToolKind =
  /** An activity `tool.NAME` on the agents' queue. */
  | "activity"
  /** A local activity: quick, and harmless to repeat, as its author says. */
  | "local"
  /** An activity `tool.NAME` on the sandbox queue; reads and changes the run's workspace. */
  | "sandbox"
  /** No activity: a gate whose approving comment is the answer. */
  | "human";

/** What a workflow needs to know of a tool; the model's view is in the captured definition. */
export interface ToolPolicy {
  readonly name: string;
  readonly kind: ToolKind;
  /** Needs no approval under the default policy. */
  readonly safe: boolean;
  /** The author's own policy; a run's `approvals.tools` goes before it. */
  readonly approval?: "always" | "never";
  /** Changes with the tool's meaning; part of what an approver approves. */
  readonly version: string;
  /** The most that one call costs; absent: nothing. */
  readonly maxCostNanoUsd?: NanoUsd;
  /** May be run again where the outcome of an attempt is unknown. */
  readonly repeatable: boolean;
  /** Of one attempt, in milliseconds. */
  readonly timeoutMs: number;
}

/** A tool as captured into a run: what the model sees, and what the workflow needs. */
export interface ToolSpec extends ToolPolicy {
  readonly description: string;
  /** JSON Schema of the arguments, an object. */
  readonly inputSchema: JsonObject;
  /** What the tool's own executor needs to know, for example sandbox limits. */
  readonly settings?: JsonObject;
}

/** A model of a run with all that a reservation needs. */
export interface RunModel {
  /** `provider/model`. */
  readonly model: string;
  readonly bookedAs: string;
  /** Undefined: unpriced, which no budget allows unless WFLO_UNPRICED says so. */
  readonly price?: ModelPrice;
  readonly reasoning: boolean;
  readonly inputBound: { readonly factor: number; readonly hidden: number };
}

/** An agent as one run has it from start to end; stored as a blob, so a redeploy changes new runs only. */
export interface CapturedAgent {
  readonly name: string;
  readonly instructions: string;
  /** Sorted by name, so that every request of the run begins with the same bytes. */
  readonly tools: readonly ToolSpec[];
  readonly models: readonly RunModel[];
  readonly temperature?: number;
  /** Answers may come from the cache, and stay there so long, in milliseconds. */
  readonly cacheTtlMs?: number;
  readonly outputSchema?: JsonObject;
  readonly priceBook: string;
}

/** A transcript that a run goes on from. */
export interface ForkedTranscript {
  readonly head: BlobAddress;
  readonly transcriptBytes: number;
  /** Its last turn; the run's own begin after it. */
  readonly turn: number;
}

/** What the workflow keeps of a captured agent: small and constant. */
export interface ResolvedAgent {
  readonly definition: BlobAddress;
  readonly name: string;
  readonly models: readonly RunModel[];
  readonly tools: readonly ToolPolicy[];
  readonly priceBook: string;
  /** Bytes of instructions and tools as JSON: the fixed part of each prompt. */
  readonly promptBytes: number;
  /** The output cap that the agent asks for; undefined: 8,192, or 16,384 for a reasoning model. */
  readonly maxOutputTokens?: number;
  /** Start-to-close of one model attempt, in milliseconds. */
  readonly modelTimeoutMs: number;
  /** The agent's own limit for a conversation. @default four fifths of the model's window */
  readonly compactAtTokens?: number;
  /** Exact bounds of the first call in the order of `models`, where they are known beforehand (scripts). */
  readonly knownBounds: readonly (TokenBound | null)[];
  /** The user's first words with their size, where they are a blob. */
  readonly input?: BlobRef;
  /** The snapshot that the run starts with: its input's files, or those of where it was forked. */
  readonly workspace?: BlobAddress;
  /** Where a fork goes on from. */
  readonly fork?: ForkedTranscript;
  /** Files that a fork has in `/workspace/out`, by name; the first ones where `outRef` is given. */
  readonly out?: Readonly<Record<string, BlobAddress>>;
  readonly outRef?: BlobAddress;
  /** The agent's own defaults for what the run's input leaves open. */
  readonly approvalTools: Readonly<Record<string, "always" | "never">>;
  /** The namespace has the `Wflo…` search attributes. */
  readonly searchAttributes: boolean;
  /** The account that the run leases from: its own, or a shard of it. */
  readonly leaseFrom?: string;
  /** What a limit that the run gets later does with a model without a price. @default "allow", as runs began that have none */
  readonly unpriced?: UnpricedRule;
}

import type { Json, JsonObject } from "./json.js";
import type { NanoUsd } from "./money.js";
import type { Usage } from "./usage.js";

/** `sha256:` and 64 hexadecimal digits: the address of a blob, and of a transcript's head. */
export type BlobAddress = `sha256:${string}`;

/** Stands in a payload for content above 32 KiB. */
export interface BlobRef {
  readonly ref: BlobAddress;
  /** Size of the blob. */
  readonly bytes?: number;
  /** The beginning, for people and for the model. */
  readonly preview?: string;
}

/** A ref as Wflo makes them: nothing but an address, a size and a preview. A value that looks like one is itself stored as a blob. */
export function isBlobRef(value: unknown): value is BlobRef {
  if (typeof value !== "object" || value === null) return false;
  const { ref, bytes, preview, ...rest } = value as Record<string, unknown>;
  return (
    typeof ref === "string" &&
    /^sha256:[0-9a-f]{64}$/.test(ref) &&
    (bytes === undefined || typeof bytes === "number") &&
    (preview === undefined || typeof preview === "string") &&
    Object.keys(rest).length === 0
  );
}

/** Text, or where it is. */
export type TextOrRef = string | BlobRef;

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly args: JsonObject;
}

/** Exactly one of `result` and `error`. A large result is a `BlobRef` with a preview. */
export interface ToolResult {
  readonly id: string;
  readonly name: string;
  readonly result?: Json;
  readonly error?: string;
}

/** One message of a transcript, as CONTRACT has it. `text` is a ref where it is above 32 KiB. */
export interface Message {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly text?: TextOrRef;
  readonly toolCalls?: readonly ToolCall[];
  readonly toolResults?: readonly ToolResult[];
  /** The turn (model call) that this message belongs to, from 1. */
  readonly turn: number;
  readonly model?: string;
  readonly usage?: Usage;
  readonly nanoUsd?: NanoUsd;
  /** Who said it, where a person did. */
  readonly by?: string;
  /** The run's workspace after this message (tool results; the first message of a run with files): a fork starts from it. */
  readonly workspace?: BlobAddress;
  /**
   * An assistant message's content parts as the provider library takes them back (reasoning with its signature,
   * provider options). Opaque to everything but the provider adapter.
   */
  readonly providerParts?: readonly Json[];
}

/** A node of the chain: the blob's canonical JSON; its address is the new head. */
export interface TranscriptNode {
  readonly prev: BlobAddress | null;
  readonly messages: readonly Message[];
  /** Nodes up to and including this one. */
  readonly depth: number;
  /**
   * Bytes of all messages as prompts are measured (core/input-bound), as a model reads them (a compacted view, texts that are
   * blobs in full), up to and including this node: bounds a prompt without loading it.
   */
  readonly bytes: number;
  /**
   * Addresses of earlier nodes, those of `trailDepths(depth)` in that order, so that a cold load fetches nodes side by side
   * instead of one after the other; every eighth node has it.
   */
  readonly trail?: readonly BlobAddress[];
  /**
   * What a model reads in place of all messages up to and including this node: the conversation was compacted here. The chain
   * has them all the same.
   */
  readonly view?: readonly Message[];
}

/** A node whose depth is a multiple of this, or of a power of it, points further back. */
const TRAIL_STRIDE = 8;

/**
 * The depths whose addresses a node of this depth carries, deepest first: for each power of 8 that it is a multiple of, the
 * eight before it in steps of the power below. From any of 8^n nodes each other one is at most about 8 n steps away.
 */
export function trailDepths(depth: number): readonly number[] {
  const depths = new Set<number>();
  for (let step = 1; depth % (step * TRAIL_STRIDE) === 0; step *= TRAIL_STRIDE) {
    for (let back = 1; back <= TRAIL_STRIDE && depth - back * step >= 1; back += 1) depths.add(depth - back * step);
  }
  return [...depths];
}

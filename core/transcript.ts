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
  /** UTF-8 bytes of all messages' canonical JSON, up to and including this node: bounds a prompt without loading it. */
  readonly bytes: number;
  /** The addresses of the nodes before this one since the last node that had a trail, newest first; every 64th node has it. */
  readonly trail?: readonly BlobAddress[];
}

import type { BlobAddress } from "./transcript.js";

/*
 * Names of the signals, queries and updates of CONTRACT.md; a test compares docs/reference/contract.md with them.
 */

export const SIGNALS = ["budgetCheck", "approve", "reject", "message", "pause", "resume"] as const;
export const QUERIES = ["status", "budget", "approvals", "transcript", "files"] as const;
export const UPDATES = ["decideApproval", "addBudget", "sendMessage", "reconcile"] as const;

/** Answer of the `transcript` query. */
export interface TranscriptView {
  readonly head: string | null;
  readonly turns: number;
}

/** Answer of the `files` query. */
export interface FilesView {
  /** By name in `/workspace/out`; the first ones where `filesRef` is given. */
  readonly files: Readonly<Record<string, BlobAddress>>;
  /** The blob that has all of them. */
  readonly filesRef?: BlobAddress;
}

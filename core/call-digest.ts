import { digestOf } from "./digest.js";
import type { JsonObject } from "./json.js";
import type { BlobAddress, BlobRef } from "./transcript.js";

/**
 * What an approver approves, as one digest: tool, version, arguments (as carried: inline or their blob) and workspace.
 * The gate shows it, a decision may name it, and the executor computes it again from what it is about to run.
 */
export function callDigest(call: {
  readonly tool: string;
  readonly version: string;
  readonly args: JsonObject | BlobRef;
  readonly workspace?: BlobAddress;
}): BlobAddress {
  const { tool, version, args, workspace } = call;
  return digestOf({ tool, version, args, workspace: workspace ?? null });
}

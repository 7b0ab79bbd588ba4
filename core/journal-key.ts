import { digestOf } from "./digest.js";
import type { BlobAddress, Message } from "./transcript.js";

/**
 * The call journal's key of one model answer: workflow, first run, turn, and what is asked. A run that was reset and asks
 * the same gets the journalled answer; one that asks something else (a message came earlier this time) does not get an
 * answer to another question.
 */
export function modelCallKey(call: {
  readonly workflowId: string;
  readonly firstRunId: string;
  readonly turn: number;
  readonly head: BlobAddress | null;
  readonly newMessages: readonly Message[];
}): string {
  const asked = digestOf({ head: call.head, messages: call.newMessages }).slice(
    "sha256:".length,
    "sha256:".length + 16,
  );
  return `${call.workflowId}/${call.firstRunId}/${call.turn}/model-${asked}`;
}

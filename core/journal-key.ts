import { digestOf } from "./digest.js";
import type { BlobAddress, Message } from "./transcript.js";

interface Question {
  readonly head: BlobAddress | null;
  readonly newMessages: readonly Message[];
}

/** A turn of a run. */
interface AskingTurn {
  readonly workflowId: string;
  readonly firstRunId: string;
  readonly turn: number;
}

/** Digest of a question to a model: what is asked, after what. 64 bits. */
export function questionDigest({ head, newMessages }: Question): string {
  return digestOf({ head, messages: newMessages }).slice("sha256:".length, "sha256:".length + 16);
}

/**
 * The call journal's key of one model answer: workflow, first run, turn, and what is asked. A run that was reset and asks
 * the same gets the journalled answer; one that asks something else (a message came earlier this time) does not get an
 * answer to another question.
 */
export function modelCallKey(call: AskingTurn & Question): string {
  return answerKey({ ...call, asked: questionDigest(call) });
}

/** The same of a question that is known by its digest. */
export function answerKey({ workflowId, firstRunId, turn, asked }: AskingTurn & { readonly asked: string }): string {
  return `${workflowId}/${firstRunId}/${turn}/model-${asked}`;
}

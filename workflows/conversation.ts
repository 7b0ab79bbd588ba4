import { INLINE_BYTES } from "../core/activity-contract.js";
import { jsonBytes, messageBytes } from "../core/input-bound.js";
import type { Message } from "../core/transcript.js";
import { appendMessages } from "./calls.js";
import type { Run } from "./run-context.js";

/** So much goes out in one piece; a local activity's argument is in no history, but it is in memory. */
const PIECE_BYTES = 512 * 1024;

/**
 * What people said since joins the next call; what is too large to travel joins the transcript first, and so does what is
 * a blob already: only there its size is known, and money is reserved for all that a model reads.
 */
export async function takeInbox(run: Run): Promise<void> {
  const { state } = run;
  if (state.inbox.length > 0) {
    const turn = state.turn + 1;
    state.newMessages = [...state.newMessages, ...state.inbox.map((message) => ({ ...message, turn }))];
    state.inbox = [];
  }
  while ((messageBytes(state.newMessages) ?? Number.POSITIVE_INFINITY) > INLINE_BYTES) {
    const piece = firstPiece(state.newMessages);
    const appended = await appendMessages({ head: state.head, messages: piece });
    state.head = appended.head;
    state.transcriptBytes = appended.transcriptBytes;
    state.newMessages = state.newMessages.slice(piece.length);
  }
}

/** The messages from the front that make one piece, at least one. */
function firstPiece(messages: readonly Message[]): readonly Message[] {
  let bytes = 0;
  let count = 0;
  for (const message of messages) {
    bytes += jsonBytes(message);
    if (count > 0 && bytes > PIECE_BYTES) break;
    count += 1;
  }
  return messages.slice(0, count);
}

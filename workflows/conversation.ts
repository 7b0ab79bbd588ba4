import { condition } from "@temporalio/workflow";
import { PART_BYTES } from "../core/activity-contract.js";
import { jsonBytes, messageBytes } from "../core/input-bound.js";
import type { BlobAddress, Message } from "../core/transcript.js";
import { appendMessages, storePiece } from "./calls.js";
import type { Run } from "./run-context.js";
import { onceStored } from "./store.js";

/** So much goes out in one piece; a local activity's argument is in no history, but it is in memory. */
const PIECE_BYTES = 512 * 1024;

/** What is carried into a new history is loaded there: more than this waits in the store. */
const CARRIED_BYTES = 8 * 1024;

/**
 * What people said since joins the next call; what is too large to travel joins the transcript first, and so does what is
 * a blob already: only there its size is known, and money is reserved for all that a model reads.
 */
export async function gatherQuestion(run: Run): Promise<void> {
  const { state } = run;
  do {
    // What was said before is heard before, also where the store has to be asked for it.
    if (run.messagesChecking > 0) await condition(() => run.messagesChecking === 0);
    if (state.inboxStored.length > 0) {
      await toTranscript(run);
      const stored = state.inboxStored;
      await append(run, [], stored);
      state.inboxStored = state.inboxStored.slice(stored.length);
    }
    const turn = state.turn + 1;
    state.newMessages = [...state.newMessages, ...state.inbox.map((message) => ({ ...message, turn }))];
    state.inbox = [];
    if (sizeOf(state.newMessages) > PART_BYTES.messages) await toTranscript(run);
    // While the store was asked, people may have said more.
  } while (hasUnheard(run));
}

function sizeOf(messages: readonly Message[]): number {
  return messageBytes(messages) ?? Number.POSITIVE_INFINITY;
}

/** People said something that no question to a model has yet. */
export function hasUnheard({ state }: Run): boolean {
  return state.inbox.length > 0 || state.inboxStored.length > 0;
}

/** All that waits for the next call joins the transcript. */
export async function toTranscript(run: Run): Promise<void> {
  const { state } = run;
  while (state.newMessages.length > 0) {
    const piece = firstPiece(state.newMessages);
    await append(run, piece, []);
    state.newMessages = state.newMessages.slice(piece.length);
  }
}

/** Before a new history: what is large waits in the store, so that the new one does not begin with it. */
export async function lightenConversation(run: Run): Promise<void> {
  const { state } = run;
  if (jsonBytes(state.newMessages) > CARRIED_BYTES) await toTranscript(run);
  while (jsonBytes(state.inbox) > CARRIED_BYTES) {
    const piece = firstPiece(state.inbox);
    const address = await onceStored(run, async () => await storePiece(JSON.stringify(piece)));
    state.inboxStored = [...state.inboxStored, address];
    state.inbox = state.inbox.slice(piece.length);
  }
}

/**
 * All that nobody will ask a model any more joins the transcript too.
 * @throws ApplicationFailure where the store is away: an end is not waited for
 */
export async function keepUnasked(run: Run): Promise<void> {
  const { state } = run;
  while (state.newMessages.length > 0 || hasUnheard(run)) {
    const { newMessages, inboxStored, inbox } = state;
    if (newMessages.length > 0) await append(run, newMessages, [], "now");
    state.newMessages = [];
    if (inboxStored.length > 0) await append(run, [], inboxStored, "now");
    state.inboxStored = [];
    const turn = state.turn + 1;
    if (inbox.length > 0)
      await append(
        run,
        inbox.map((message) => ({ ...message, turn })),
        [],
        "now",
      );
    state.inbox = state.inbox.slice(inbox.length);
  }
}

async function append(
  run: Run,
  messages: readonly Message[],
  stored: readonly BlobAddress[],
  when: "once the store is there" | "now" = "once the store is there",
): Promise<void> {
  const { state } = run;
  const work = async () => await appendMessages({ head: state.head, stored, messages });
  const appended = when === "now" ? await work() : await onceStored(run, work);
  state.head = appended.head;
  state.transcriptBytes = appended.transcriptBytes;
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

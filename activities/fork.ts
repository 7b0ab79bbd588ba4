import type { ForkPoint } from "../core/activity-contract.js";
import type { ForkedTranscript } from "../core/agent.js";
import type { BlobAddress, Message, ToolResult } from "../core/transcript.js";
import { BlobCorrupt, BlobMissing } from "./blobs.js";
import { RunRefused } from "./refusals.js";
import type { Transcripts } from "./transcript-store.js";

/** What a fork begins with. */
export interface Forked extends ForkedTranscript {
  /** The files as they were then. */
  readonly workspace?: BlobAddress;
}

/** Every call needs a result before a model can go on. */
const NOT_RUN = "this call was not run: the run was forked here, before its tools had answered";

/**
 * The transcript that a fork goes on from: up to the turn's answer and what its tools said. Calls without a result get one
 * that says so.
 * @param hasInput the user says something next
 * @throws RunRefused `InvalidInput`
 */
export async function forkTranscript(transcripts: Transcripts, fork: ForkPoint, hasInput: boolean): Promise<Forked> {
  const all = await loaded(transcripts, fork.transcript);
  const turns = all.findLast(({ role }) => role === "assistant")?.turn ?? 0;
  const turn = fork.turn ?? turns;
  if (turn > turns) throw wrong("fork.turn", `the transcript has ${turns} turns, so there is no turn ${turn}`);
  const kept = fork.turn === undefined ? all : upTo(all, turn);
  const last = kept.at(-1);
  const unanswered = missingResults(kept);
  if (!hasInput && last?.role === "assistant" && unanswered.length === 0) {
    throw wrong("input", "is missing; the transcript ends with an answer, so something has to be said next");
  }
  if (!hasInput && !last) throw wrong("input", "is missing; the transcript is empty");
  const results: readonly Message[] = unanswered.length > 0 ? [{ role: "tool", toolResults: unanswered, turn }] : [];
  const head = fork.turn === undefined ? fork.transcript : await transcripts.headAtTurn(fork.transcript, turn);
  if (head === null) throw wrong("fork.turn", `the transcript does not reach back to turn ${turn}`);
  const inHead = fork.turn === undefined ? kept.length : kept.findLastIndex(({ role }) => role === "assistant") + 1;
  const appended = await transcripts.append(head, [...kept.slice(inHead), ...results]);
  const workspace = kept.findLast((message) => message.workspace !== undefined)?.workspace;
  return { head: appended.head, transcriptBytes: appended.bytes, turn, ...(workspace ? { workspace } : {}) };
}

async function loaded(transcripts: Transcripts, head: BlobAddress): Promise<readonly Message[]> {
  try {
    return await transcripts.load(head);
  } catch (error) {
    if (!(error instanceof BlobMissing || error instanceof BlobCorrupt || error instanceof SyntaxError)) throw error;
    throw wrong("fork.transcript", `is no transcript that can be read: ${error.message}`);
  }
}

/** Through the answer of a turn, with what its tools answered. */
function upTo(all: readonly Message[], turn: number): readonly Message[] {
  const answer = all.findLastIndex(({ role, turn: of }) => role === "assistant" && of === turn);
  const results = all.slice(answer + 1).filter((message) => message.role === "tool" && message.turn === turn);
  return [...all.slice(0, answer + 1), ...results];
}

function missingResults(messages: readonly Message[]): readonly ToolResult[] {
  const at = messages.findLastIndex(({ role }) => role === "assistant");
  const answered = new Set(
    messages.slice(at + 1).flatMap(({ toolResults }) => (toolResults ?? []).map(({ id }) => id)),
  );
  const calls = messages[at]?.toolCalls ?? [];
  return calls.filter(({ id }) => !answered.has(id)).map(({ id, name }) => ({ id, name, error: NOT_RUN }));
}

function wrong(field: string, what: string): RunRefused {
  return new RunRefused("InvalidInput", `${field}: ${what}`);
}

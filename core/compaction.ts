import { jsonBytes } from "./input-bound.js";
import type { Message, ToolResult } from "./transcript.js";

/*
 * What a model reads of a conversation that has become too long for it. Pure: messages in, messages out. The transcript itself
 * keeps everything; only the view changes.
 */

/** A result below this stays: what is put in its place is hardly shorter. In bytes of JSON. */
const SMALL_RESULT_BYTES = 400;

/** How the summary is introduced, so that a model knows that it did not hear this itself. */
const SUMMARY_OF = "Summary of this conversation so far; what came before it is left out to save room:\n\n";

/** What a model is asked for, as a turn of its own. */
export const SUMMARY_WANTED =
  "This conversation is near the end of the room that there is for it. Write a summary that lets you go on without the rest: the task, " +
  "what was decided and why, what was found (names, numbers, paths and identifiers word for word), what was tried and failed, and what is " +
  "still to be done. Answer with the summary alone, and call no tool.";

/** Results of tools in turns before `keepFromTurn` are left out, with a word on what was there. */
export function withoutOldResults(messages: readonly Message[], keepFromTurn: number): readonly Message[] {
  return messages.map((message) => {
    if (message.role !== "tool" || message.turn >= keepFromTurn || !message.toolResults) return message;
    return { ...message, toolResults: message.toolResults.map(leftOut) };
  });
}

function leftOut(result: ToolResult): ToolResult {
  const bytes = jsonBytes(result.result ?? result.error ?? null);
  if (bytes <= SMALL_RESULT_BYTES) return result;
  const { id, name, error } = result;
  const note = `[left out to save room: ${bytes} bytes that this call gave; call it again where they are needed]`;
  return error === undefined ? { id, name, result: note } : { id, name, error: note };
}

/**
 * The task in its own words, the summary, and the last turns as they were. Where the first words are all there is before
 * those turns, they are not said twice.
 */
export function withSummary(
  messages: readonly Message[],
  { summary, turn, keepFromTurn }: { readonly summary: string; readonly turn: number; readonly keepFromTurn: number },
): readonly Message[] {
  const kept = messages.filter((message) => message.turn >= keepFromTurn && !isOfSummary(message, turn));
  const first = messages.find(({ role }) => role === "user");
  const task = first && !kept.includes(first) ? [first] : [];
  return [...task, { role: "user", text: `${SUMMARY_OF}${summary}`, turn }, ...kept];
}

/** The question for the summary, and its answer; people may have said something in the same turn. */
function isOfSummary({ role, text, turn: of }: Message, turn: number): boolean {
  return of === turn && (role === "assistant" || text === SUMMARY_WANTED);
}

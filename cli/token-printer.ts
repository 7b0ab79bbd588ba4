import type { StreamedToken } from "../ports/token-stream.js";
import { printable } from "./output.js";
import type { TerminalOut } from "./surroundings.js";

/** Prints a model's words as they come. */
export interface TokenPrinter {
  print(entry: StreamedToken): void;
  /** Another line comes: where it comes on the same terminal, words that are on their way go first, and end with a line break. */
  pause(): Promise<void>;
  /** The answer is known: prints what the stream did not have. */
  finish(output: string): void;
}

/** A stream that is silent for this long has nothing on its way, in milliseconds. */
const QUIET_MS = 250;

/**
 * Turns are told apart by an empty line; an attempt that starts over, by a note.
 * @param shared other lines come on the same terminal
 */
export function createTokenPrinter(
  out: TerminalOut,
  { note, shared }: { readonly note: (line: string) => void; readonly shared: boolean },
): TokenPrinter {
  let turn = 0;
  let attempt = 0;
  let text = "";
  let isMidLine = false;
  const write = (words: string) => {
    if (words === "") return;
    out.write(out.isTTY ? printable(words) : words);
    isMidLine = !words.endsWith("\n");
  };
  return {
    print(entry) {
      const isOver = entry.reset === true || (entry.turn === turn && entry.attempt !== attempt);
      if (text !== "" && (entry.turn !== turn || isOver)) {
        write(isMidLine ? "\n\n" : "\n");
        if (isOver) note(`turn ${turn}: the answer starts over`);
        text = "";
      }
      turn = entry.turn;
      attempt = entry.attempt;
      text += entry.text ?? "";
      write(entry.text ?? "");
    },
    async pause() {
      if (!shared || !isMidLine) return;
      const now = turn;
      for (let last = -1; last !== text.length && turn === now; await quiet()) last = text.length;
      if (isMidLine) write("\n");
    },
    finish(output) {
      if (output.startsWith(text)) write(output.slice(text.length));
      // What was streamed is not the answer: it is printed whole.
      else write(`\n\n${output}`);
      if (isMidLine) write("\n");
    },
  };
}

async function quiet(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
}

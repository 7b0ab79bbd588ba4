import Table from "cli-table3";
import type { Surroundings } from "./surroundings.js";

/** Where a command's words go: the answer on stdout, in one piece; everything else on stderr. */
export interface Output {
  /** Programs read: `answer` prints its document. */
  readonly json: boolean;
  /** Prints what was asked for: the document as JSON, or its words for people. */
  answer(document: unknown, words: () => string): void;
  /** A line beside the answer. */
  say(line: string): void;
}

export function createOutput({ stdout, stderr }: Pick<Surroundings, "stdout" | "stderr">, json: boolean): Output {
  return {
    json,
    answer(document, words) {
      const text = json ? JSON.stringify(document) : words();
      if (text !== "") stdout.write(text.endsWith("\n") ? text : `${text}\n`);
    },
    say: (line) => void stderr.write(`${line}\n`),
  };
}

const LINES = [
  ...["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"],
  ...["left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle"],
];

/** No lines around the cells: a table that can be read, cut and searched. */
const PLAIN = {
  chars: Object.fromEntries(LINES.map((name) => [name, ""])),
  style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
};

/** A table for people; `–` stands for what is not known. */
export function table(head: readonly string[], rows: readonly (readonly (string | number | undefined)[])[]): string {
  const lines = new Table({ ...PLAIN, head: [...head] });
  for (const row of rows) {
    lines.push(row.map((cell) => (cell === undefined || cell === "" ? "–" : oneLine(String(cell)))));
  }
  return lines
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Names and values, one a line. */
export function facts(rows: readonly (readonly [name: string, value: string | undefined])[]): string {
  const given = rows.filter((row): row is readonly [string, string] => row[1] !== undefined && row[1] !== "");
  const width = Math.max(0, ...given.map(([name]) => name.length));
  const indent = `\n${" ".repeat(width + 2)}`;
  return given.map(([name, value]) => `${name.padEnd(width)}  ${value.replaceAll("\n", indent)}`).join("\n");
}

/** Text from outside on one line of a terminal: nothing in it can move the cursor. */
export function oneLine(text: string): string {
  return printable(text.replace(/\s+/g, " ").trim());
}

/** Text from outside for a terminal: line breaks and tabs stay, other control characters are shown as such. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** Cut to so many characters, with a sign that it was. */
export function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, Math.max(0, most - 1))}…` : text;
}

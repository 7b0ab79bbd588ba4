import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import type { Surroundings } from "./surroundings.js";

/** Questions on a terminal. */
export interface Prompt {
  /** One line; undefined where the signal aborted or the input ended. */
  ask(question: string, options?: AskOptions): Promise<string | undefined>;
  /** A text to change: in the person's editor where VISUAL or EDITOR name one, else on one line. */
  edit(text: string, options?: { readonly signal?: AbortSignal }): Promise<string | undefined>;
  /** Lines above the question. */
  show(text: string): void;
}

export interface AskOptions {
  readonly signal?: AbortSignal;
  /** Stands in the line already, to be edited. */
  readonly prefilled?: string;
}

/** @param onInterrupt hears Ctrl-C while a question stands: a terminal in this mode makes no signal of it */
export function createPrompt(
  { stdin, stderr, environment }: Pick<Surroundings, "stdin" | "stderr" | "environment">,
  onInterrupt: () => void,
): Prompt {
  const ask = async (question: string, { signal, prefilled }: AskOptions = {}) => {
    if (signal?.aborted) return undefined;
    const lines = createInterface({ input: stdin, output: stderr, terminal: stdin.isTTY === true });
    const closed = new Promise<undefined>((resolve) => lines.once("close", () => resolve(undefined)));
    lines.on("SIGINT", onInterrupt);
    try {
      const answer = signal ? lines.question(question, { signal }) : lines.question(question);
      if (prefilled !== undefined) lines.write(prefilled);
      return await Promise.race([answer, closed]);
    } catch (error) {
      if (signal?.aborted) return undefined;
      throw error;
    } finally {
      lines.close();
    }
  };
  const editor = environment.VISUAL || environment.EDITOR;
  return {
    ask,
    async edit(text, options) {
      if (editor) return await editFile(editor, text);
      return await ask("Arguments as JSON: ", { ...options, prefilled: JSON.stringify(JSON.parse(text)) });
    },
    show: (text) => void stderr.write(text.endsWith("\n") ? text : `${text}\n`),
  };
}

/** The text as a person's editor leaves it; undefined where the editor fails. */
async function editFile(editor: string, text: string): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "wflo-edit-"));
  const file = join(folder, "arguments.json");
  try {
    await writeFile(file, text, { mode: 0o600 });
    // An editor may be a command with options, such as `code --wait`.
    const child = spawn("/bin/sh", ["-c", `${editor} "$0"`, file], { stdio: "inherit" });
    const exitCode = await new Promise((resolve) => {
      child.once("error", resolve);
      child.once("close", resolve);
    });
    return exitCode === 0 ? await readFile(file, "utf8") : undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

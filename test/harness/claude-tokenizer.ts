import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Tokens of a text by Claude's two tokenizers, each with the frame of one message. */
export interface ClaudeCount {
  /** Up to Opus 4.6. */
  readonly older: number;
  /** Opus 4.8, Sonnet 5, Opus 5. */
  readonly newer: number;
}

/** A running `ctok`, which rebuilds Claude's counts offline. */
export interface ClaudeTokenizer {
  count(texts: readonly string[]): Promise<readonly ClaudeCount[]>;
  stop(): Promise<void>;
}

/** @param program the part `ctok` */
export function startClaudeTokenizer(program: string): ClaudeTokenizer {
  const process = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(process, "exit");
  const lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  return {
    async count(texts) {
      // Python reads no halves of pairs, and no provider is sent one: JSON over HTTP has them replaced.
      process.stdin.write(`${JSON.stringify(texts.map((text) => wellFormed(text)))}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error("ctok ended without an answer");
      return (JSON.parse(value) as [number, number][]).map(([older, newer]) => ({ older, newer }));
    },
    async stop() {
      process.stdin.end();
      await exited;
    },
  };
}

function wellFormed(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}

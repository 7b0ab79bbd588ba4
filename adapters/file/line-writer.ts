import { closeSync, fdatasync, fstatSync, openSync, readSync, write, writeSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { makeFolder, syncFolder } from "./folder.js";
import { SMALL_BYTES } from "./whole-file.js";

const flush = promisify(fdatasync);
const writeSome = promisify(write);

/** One write call's share of a group, in bytes: a longer one could be cut by a signal. */
const WRITE_BYTES_MAX = 1024 * 1024;

/** Somebody tore the file's end just before our line, again and again: not seen yet. */
const ATTEMPTS = 5;

const NEWLINE = 0x0a;

/** Appends whole lines to one file, beside any number of other processes that do so. */
export interface LineWriter {
  /**
   * Resolves when the lines are in the file, in order; lines that are appended meanwhile are written as one group.
   * A line may come to stand there twice, never not at all. @throws Error that names the file
   */
  append(lines: readonly string[]): Promise<void>;
  /** Resolves when nothing is under way any more. */
  idle(): Promise<void>;
}

interface Waiting {
  readonly lines: readonly string[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * The file is opened for each group, so that it may be rotated or removed at any time.
 * @param durable flush to the disk before `append` resolves
 */
export function createLineWriter(path: string, { durable }: { readonly durable: boolean }): LineWriter {
  const waiting: Waiting[] = [];
  let draining: Promise<void> | undefined;
  const drain = async () => {
    while (waiting.length > 0) {
      const group = waiting.splice(0);
      try {
        const lines = group.flatMap((one) => one.lines);
        await appendGroup(path, lines, durable);
        for (const { resolve } of group) resolve();
      } catch (error) {
        const wrapped = new Error(`${path} cannot be appended to: ${(error as Error).message}`, { cause: error });
        for (const { reject } of group) reject(wrapped);
      }
    }
    draining = undefined;
  };
  return {
    append: async (lines) =>
      await new Promise<void>((resolve, reject) => {
        waiting.push({ lines, resolve, reject });
        draining ??= drain();
      }),
    idle: async () => await draining,
  };
}

async function appendGroup(path: string, lines: readonly string[], durable: boolean): Promise<void> {
  const file = await opened(path, durable);
  try {
    const isNew = sizeOf(file) === 0;
    for (const text of pieces(lines)) await appendPiece(file, text);
    if (!durable) return;
    await flush(file);
    if (isNew) await syncFolder(dirname(path));
  } finally {
    closeSync(file);
  }
}

/** What is in here is for whoever runs the worker; who needs more sets the file's mode, which stays. */
async function opened(path: string, durable: boolean): Promise<number> {
  try {
    return openSync(path, "a+", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await makeFolder(dirname(path), durable);
    return openSync(path, "a+", 0o600);
  }
}

/** One write call at the end of the file, which the kernel does not mix with others'; checked where others wrote too. */
async function appendPiece(file: number, text: string): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const size = sizeOf(file);
    // A process that died in its last line left no newline: ours must not become that line's end.
    const data = Buffer.from(`${endsInLine(file, size) ? "\n" : ""}${text}`);
    const written = data.length <= SMALL_BYTES ? writeSync(file, data) : (await writeSome(file, data)).bytesWritten;
    if (written < data.length) throw new Error(`only ${written} of ${data.length} bytes fitted`);
    const after = sizeOf(file);
    if (after === size + data.length || stands(file, size, after, Buffer.from(text))) return;
  }
  throw new Error("other processes cut every line");
}

function sizeOf(file: number): number {
  return fstatSync(file).size;
}

function endsInLine(file: number, size: number): boolean {
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  return readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE;
}

/** The text is somewhere in this part of the file, as lines of its own. */
function stands(file: number, from: number, to: number, text: Buffer): boolean {
  const start = Math.max(0, from - 1);
  const part = Buffer.alloc(Math.max(0, to - start));
  const read = part.subarray(0, readSync(file, part, 0, part.length, start));
  for (let at = read.indexOf(text); at !== -1; at = read.indexOf(text, at + 1)) {
    if (start + at === 0 || (at > 0 && read[at - 1] === NEWLINE)) return true;
  }
  return false;
}

function* pieces(lines: readonly string[]): Generator<string> {
  let piece = "";
  for (const line of lines) {
    if (piece !== "" && piece.length + line.length > WRITE_BYTES_MAX) {
      yield piece;
      piece = "";
    }
    piece += `${line}\n`;
  }
  if (piece !== "") yield piece;
}

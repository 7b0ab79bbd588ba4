import { createHash } from "node:crypto";
import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, statSync, writeSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { StreamedToken, TokenEntry, TokenStream } from "../../ports/token-stream.js";
import { readLines } from "./line-reader.js";

export interface FileTokenStreamOptions {
  /** Such as `.wflo/streams`; made when the first entry comes. */
  readonly folder: string;
  /** A workflow's file starts over when it is longer, in bytes. @default 32 MiB */
  readonly fileBytesMax?: number;
}

/** Files that nobody appended to for so long are removed, in milliseconds. */
const KEPT_MS = 24 * 60 * 60 * 1_000;

/** Whoever streams looks for such files at its start, and then so often. */
const PRUNE_EVERY_MS = 60 * 60 * 1_000;

/** Entries that wait for a disk that does not take them; what is more is dropped, the oldest first. */
const WAITING_MAX = 10_000;

/** Entries are gathered for so long, in milliseconds: people don't see it, and fifty streams at once cost little. */
const GATHER_MS = 40;

const FILE_BYTES_MAX = 32 * 1024 * 1024;

/**
 * Tokens as JSON lines, one file a workflow, for all processes of one machine: a reader in another process sees them some
 * milliseconds after they were appended.
 */
export function createFileTokenStream({ folder, fileBytesMax = FILE_BYTES_MAX }: FileTokenStreamOptions): TokenStream {
  const waiting = new Map<string, TokenEntry[]>();
  const closing = new AbortController();
  let flushing: Promise<void> | undefined;
  let pruning: Promise<void> | undefined;
  let pruneAtMs = 0;
  const flush = async () => {
    await gathered(closing.signal);
    if (performance.now() >= pruneAtMs) {
      pruneAtMs = performance.now() + PRUNE_EVERY_MS;
      pruning = prune(folder);
    }
    while (waiting.size > 0) {
      const files = [...waiting];
      waiting.clear();
      for (const [path, entries] of files) write(path, entries, fileBytesMax);
    }
    flushing = undefined;
  };
  return {
    append(workflowId, entry) {
      const path = join(folder, fileName(workflowId));
      const entries = waiting.get(path) ?? [];
      entries.push(entry);
      if (entries.length > WAITING_MAX) entries.shift();
      waiting.set(path, entries);
      flushing ??= flush();
    },
    read(workflowId, signal, { from = "now" } = {}) {
      makeFolder(folder);
      const path = join(folder, fileName(workflowId));
      return entriesOf(
        readLines(path, {
          from: offsetOf(path, from),
          follow: true,
          signal: AbortSignal.any([signal, closing.signal]),
        }),
      );
    },
    async close() {
      closing.abort();
      await flushing;
      await pruning;
    },
  };
}

/** Only a folder that is there can be watched; a reader of one that is not has to look now and then. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch {
    // The writer will not be able to write there either, and reading nothing is what a stream without tokens does.
  }
}

async function* entriesOf(lines: ReturnType<typeof readLines>): AsyncGenerator<StreamedToken> {
  for await (const { text, end } of lines) {
    const entry = entryOf(text);
    if (entry) yield { ...entry, position: String(end) };
  }
}

/** A line that was torn costs nothing. */
function entryOf(line: string): TokenEntry | undefined {
  try {
    const entry = JSON.parse(line) as Partial<TokenEntry>;
    const { turn, attempt, seq } = entry;
    return [turn, attempt, seq].every(Number.isInteger) ? (entry as TokenEntry) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Entries that cannot be written are lost, which costs nothing: the transcript has the text. Written at once: a few short
 * lines cost less than handing them to the thread pool.
 */
function write(path: string, entries: readonly TokenEntry[], fileBytesMax: number): void {
  try {
    const file = opened(path);
    try {
      if (fstatSync(file).size > fileBytesMax) ftruncateSync(file, 0);
      writeSync(file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    } finally {
      closeSync(file);
    }
  } catch {
    // Nobody to tell: whoever watches sees the text when the turn ends.
  }
}

function opened(path: string): number {
  try {
    return openSync(path, "a", 0o600);
  } catch {
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, "a", 0o600);
  }
}

async function prune(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const modified = (await stat(path).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (name.endsWith(".jsonl") && modified < Date.now() - KEPT_MS) await rm(path, { force: true }).catch(() => {});
  }
}

/** Workflow ids hold any characters. */
function fileName(workflowId: string): string {
  return `${createHash("sha256").update(workflowId).digest("hex").slice(0, 40)}.jsonl`;
}

/** Looked up at the call of `read`, not at its first `next`: what is appended in between counts as later. */
function offsetOf(path: string, from: string): number {
  if (from === "start") return 0;
  if (from === "now") return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (/^\d{1,15}$/.test(from)) return Number(from);
  throw new RangeError(`${JSON.stringify(from)} is no position of a token stream: now, start, or what a read gave`);
}

/** Resolves after the time to gather, or when there is no more to come. */
async function gathered(closed: AbortSignal): Promise<void> {
  if (closed.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      closed.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, GATHER_MS);
    closed.addEventListener("abort", done);
  });
}

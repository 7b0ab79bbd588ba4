import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname } from "node:path";

/** A whole line, without its newline. */
export interface Line {
  readonly text: string;
  /** As they stand there. */
  readonly bytes: Uint8Array;
  /** The file's byte after the line: where a later reading goes on. */
  readonly end: number;
}

/** A change that no watcher tells of (network file systems, watchers used up) is seen after so long, in milliseconds. */
const LOOK_EVERY_MS = 500;
const CHUNK_BYTES = 64 * 1024;
const BEFORE_BYTES = 256;
const NEWLINE = 0x0a;

/**
 * The lines of a file from a byte on; a file that is not there is empty, and a last line without its newline is not there
 * yet. A file that was cut or replaced meanwhile is read from its start. Between two lines no file is open.
 * @param follow wait for more at the end, until the signal aborts
 */
export async function* readLines(
  path: string,
  { from, follow, signal }: { readonly from: number; readonly follow: boolean; readonly signal: AbortSignal },
): AsyncGenerator<Line> {
  const changes = follow ? watchFile(path, signal) : undefined;
  let place: Place = { offset: from, before: Buffer.alloc(0) };
  try {
    while (!signal.aborted) {
      changes?.seen();
      const { lines, ...next } = await nextLines(path, place);
      for (const line of lines) {
        if (line.text !== "") yield line;
        if (signal.aborted) return;
      }
      place = next;
      if (lines.length > 0) continue;
      if (!changes) return;
      await changes.next();
    }
  } finally {
    changes?.close();
  }
}

interface Place {
  readonly offset: number;
  /**
   * What stands right before the offset: a file that has something else there is another one, or was cut. Inodes are used
   * again at once, and times are too coarse to tell.
   */
  readonly before: Buffer;
}

/** The whole lines of the next chunk, none at the end; and the place after them. */
async function nextLines(path: string, place: Place): Promise<Place & { lines: readonly Line[] }> {
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (!file) return { ...place, lines: [] };
  try {
    const { offset, before } = (await hasPlace(file, place)) ? place : { offset: 0, before: Buffer.alloc(0) };
    // A line may be longer than a chunk: read on until its end.
    for (let length = CHUNK_BYTES; ; length *= 2) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
      const lines = linesOf(buffer.subarray(0, bytesRead), offset);
      const end = lines.at(-1)?.end;
      if (end !== undefined) {
        const read = buffer.subarray(0, end - offset);
        return { lines, offset: end, before: Buffer.from(read.subarray(-BEFORE_BYTES)) };
      }
      if (bytesRead < length) return { lines, offset, before };
    }
  } finally {
    await file.close();
  }
}

async function hasPlace(file: FileHandle, { offset, before }: Place): Promise<boolean> {
  if ((await file.stat()).size < offset) return false;
  if (before.length === 0) return true;
  const { buffer } = await file.read(Buffer.alloc(before.length), 0, before.length, offset - before.length);
  return buffer.equals(before);
}

function linesOf(data: Buffer, start: number): Line[] {
  const lines: Line[] = [];
  let from = 0;
  for (let newline = data.indexOf(NEWLINE); newline !== -1; newline = data.indexOf(NEWLINE, from)) {
    const bytes = data.subarray(from, newline);
    lines.push({ text: bytes.toString("utf8").trimEnd(), bytes, end: start + newline + 1 });
    from = newline + 1;
  }
  return lines;
}

interface Changes {
  /** What changes from here on ends the next wait. */
  seen(): void;
  /** Resolves when the file may have changed since `seen`, or the signal aborts. */
  next(): Promise<void>;
  close(): void;
}

function watchFile(path: string, signal: AbortSignal): Changes {
  let changed = false;
  let wake = () => {};
  let watcher: FSWatcher | undefined;
  const change = () => {
    changed = true;
    wake();
  };
  const startWatching = () => {
    try {
      // The folder, since the file may not be there yet; where it can't be watched, looking now and then has to do.
      watcher ??= watch(dirname(path), { persistent: false }, (_event, name) => {
        if (name === null || name === basename(path)) change();
      }).on("error", () => {
        watcher?.close();
        watcher = undefined;
      });
    } catch {
      watcher = undefined;
    }
  };
  const close = () => {
    signal.removeEventListener("abort", abort);
    watcher?.close();
    watcher = undefined;
  };
  // A reader that never asks for its next line keeps no watcher either.
  const abort = () => {
    close();
    change();
  };
  signal.addEventListener("abort", abort, { once: true });
  startWatching();
  return {
    seen: () => {
      changed = signal.aborted;
    },
    async next() {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_EVERY_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (changed) wake();
      });
      wake = () => {};
      if (!signal.aborted) startWatching();
    },
    close,
  };
}

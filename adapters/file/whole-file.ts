import { closeSync, constants, fdatasync, fstatSync, openSync, read, readSync, write, writeSync } from "node:fs";
import { promisify } from "node:util";

/*
 * Whole files, read and written in one go. What takes microseconds (opening, a small read or write) is done at once: handing
 * it to the thread pool costs more than doing it. What waits for the disk, or is large, goes to the pool.
 */

const flush = promisify(fdatasync);
const readSome = promisify(read);
const writeSome = promisify(write);

const nextTurn = promisify(setImmediate);

/** So long files are worked on before everything else in the process gets its turn, in milliseconds. */
const SLICE_MS = 5;

/** Up to this many bytes a read or a write is done at once. */
export const SMALL_BYTES = 256 * 1024;

/** The bytes of a file. @throws what `open` throws, ENOENT among it */
export async function readWhole(path: string): Promise<Uint8Array> {
  await letOthers();
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.allocUnsafeSlow(size);
    let at = 0;
    while (at < size) {
      const length = size - at;
      const got =
        size <= SMALL_BYTES
          ? readSync(file, bytes, at, length, at)
          : (await readSome(file, bytes, at, length, at)).bytesRead;
      if (got === 0) break;
      at += got;
    }
    return bytes.subarray(0, at);
  } finally {
    closeSync(file);
  }
}

/** Writes a file that must not be there yet; with `durable` its bytes are on the disk then. */
export async function writeNew(path: string, value: Uint8Array, options: { readonly durable: boolean }): Promise<void> {
  await letOthers();
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    for (let at = 0; at < value.length; ) {
      const left = value.length - at;
      at +=
        left <= SMALL_BYTES
          ? writeSync(file, value, at, left)
          : (await writeSome(file, value, at, SMALL_BYTES)).bytesWritten;
    }
    if (options.durable) await flush(file);
  } finally {
    closeSync(file);
  }
}

let sliceBegan: number | undefined;

/** A caller that reads in a loop must not keep the process from everything else. */
async function letOthers(): Promise<void> {
  if (sliceBegan === undefined) {
    sliceBegan = performance.now();
    setImmediate(() => {
      sliceBegan = undefined;
    });
  } else if (performance.now() - sliceBegan > SLICE_MS) await nextTurn();
}

import { closeSync, fsync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";

const flush = promisify(fsync);

/** Flushes a folder's entries, so that a file that was named in it is found after a power cut too. */
export async function syncFolder(path: string): Promise<void> {
  let folder: number;
  try {
    folder = openSync(path, "r");
  } catch (error) {
    // Windows opens no folders, and needs no flush of them.
    if (process.platform === "win32") return;
    throw error;
  }
  try {
    await flush(folder);
  } catch (error) {
    // Some network file systems know no flush of folders.
    if (!["EINVAL", "ENOTSUP", "EOPNOTSUPP"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    closeSync(folder);
  }
}

/** Makes a folder and those above it; with `durable` their names are on the disk then. */
export async function makeFolder(folder: string, durable: boolean): Promise<void> {
  const first = mkdirSync(folder, { recursive: true });
  if (!durable || first === undefined) return;
  for (let made = folder; ; made = dirname(made)) {
    await syncFolder(dirname(made));
    if (made === first || made === dirname(made)) return;
  }
}

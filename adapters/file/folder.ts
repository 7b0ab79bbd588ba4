import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

/** Flushes a folder's entries, so that a file that was named in it is found after a power cut too. */
export async function syncFolder(path: string): Promise<void> {
  let folder: Awaited<ReturnType<typeof open>>;
  try {
    folder = await open(path, "r");
  } catch (error) {
    // Windows opens no folders, and needs no flush of them.
    if (process.platform === "win32") return;
    throw error;
  }
  try {
    await folder.sync();
  } catch (error) {
    // Some network file systems know no flush of folders.
    if (!["EINVAL", "ENOTSUP", "EOPNOTSUPP"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    await folder.close();
  }
}

/** Makes a folder and those above it; with `durable` their names are on the disk then. */
export async function makeFolder(folder: string, durable: boolean): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (!durable || first === undefined) return;
  for (let made = folder; ; made = dirname(made)) {
    await syncFolder(dirname(made));
    if (made === first || made === dirname(made)) return;
  }
}

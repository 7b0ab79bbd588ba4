import { constants, type Stats } from "node:fs";
import { chmod, lstat, open, readdir } from "node:fs/promises";
import { workspacePathProblem } from "../../core/workspace-paths.js";
import type { SandboxLimits, WorkspaceFile } from "../../ports/sandbox.js";
import { diskBytesOf } from "./workspace-size.js";

export interface CollectedWorkspace {
  /** Sorted by path. */
  readonly files: readonly WorkspaceFile[];
  /** More was there than the limits allow; what is missing came later in the order of paths. */
  readonly limit?: "disk" | "files";
}

/** A regular file that may be taken. */
interface Candidate {
  readonly path: string;
  readonly executable: boolean;
}

/**
 * Reads what a dead sandbox left in a folder: regular files whose name is text. Nothing is followed: links, devices,
 * pipes and sockets are left out, and so are names that are no UTF-8 or hold control characters. To be called once every
 * process is dead: what is looked at can't change any more.
 */
export async function collectWorkspace(folder: string, limits: SandboxLimits): Promise<CollectedWorkspace> {
  const walk = await listFiles(folder, limits.files);
  const files: WorkspaceFile[] = [];
  let room = limits.diskBytes;
  let limit: CollectedWorkspace["limit"] = walk.limit;
  for (const candidate of walk.candidates) {
    const content = await readFile(`${folder}/${candidate.path}`, room);
    if (content === undefined) continue;
    if (content === "too large") {
      limit = "disk";
      continue;
    }
    room -= diskBytesOf(content.length);
    files.push({ path: candidate.path, content, ...(candidate.executable ? { executable: true } : {}) });
  }
  return { files, ...(limit ? { limit } : {}) };
}

async function listFiles(root: string, mostEntries: number) {
  const candidates: Candidate[] = [];
  const folders = [""];
  let limit: "files" | undefined;
  let entries = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const name of await namesIn(`${root}/${folder}`)) {
      const path = `${folder}${name}`;
      if (workspacePathProblem(path) !== undefined) continue;
      const found = await lstat(`${root}/${path}`).catch(() => undefined);
      if (!(found?.isFile() || found?.isDirectory())) continue;
      entries += 1;
      if (entries > mostEntries) {
        limit = "files";
        continue;
      }
      if (found.isFile()) candidates.push({ path, executable: (found.mode & 0o100) !== 0 });
      else folders.push(`${path}/`);
    }
  }
  candidates.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { candidates, limit };
}

/** Names that are text, sorted: a name that is no UTF-8 does not come back from it the same. */
async function namesIn(folder: string): Promise<string[]> {
  const names = await withPermission(folder, 0o700, async () => await readdir(folder, { encoding: "buffer" }));
  return (names ?? [])
    .filter((name) => Buffer.from(name.toString("utf8")).equals(name))
    .map((name) => name.toString("utf8"))
    .sort();
}

async function readFile(path: string, room: number): Promise<Uint8Array | "too large" | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await withPermission(path, 0o600, async () => await open(path, flags));
  if (!handle) return undefined;
  try {
    const found: Stats = await handle.stat();
    if (!found.isFile()) return undefined;
    return diskBytesOf(found.size) > room ? "too large" : await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** What code has closed to its own user is opened again: nobody is left who could mind. Undefined for what can't be read. */
async function withPermission<T>(path: string, mode: number, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") return undefined;
  }
  return await chmod(path, mode)
    .then(read)
    .catch(() => undefined);
}

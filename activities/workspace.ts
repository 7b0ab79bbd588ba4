import type { JsonObject } from "../core/json.js";
import type { BlobAddress, TextOrRef } from "../core/transcript.js";
import { workspaceProblem } from "../core/workspace-paths.js";
import type { WorkspaceFile } from "../ports/sandbox.js";
import type { Blobs } from "./blobs.js";
import { RunRefused } from "./refusals.js";

/** Files whose place in a run's workspace is this folder are the run's result. */
export const OUT_FOLDER = "out/";

/** So many files are on their way to or from the store at a time. */
const AT_ONCE = 16;

/** A run's files between executions, as content-addressed snapshots: equal files are stored once. */
export interface Workspaces {
  /**
   * The snapshot that a run's input files make.
   * @throws BlobMissing for a ref that is not there; RunRefused `InvalidInput` for files that are no workspace together
   */
  fromInput(files: Readonly<Record<string, TextOrRef>>): Promise<BlobAddress>;
  /** Every file of a snapshot; undefined is the empty workspace. @throws BlobMissing, BlobCorrupt */
  load(snapshot: BlobAddress | undefined): Promise<readonly WorkspaceFile[]>;
  save(files: readonly WorkspaceFile[]): Promise<BlobAddress>;
  /** The addresses of the files below `out/`, by their path below it. */
  out(snapshot: BlobAddress): Promise<Readonly<Record<string, BlobAddress>>>;
}

/** A snapshot's blob: paths sorted, so that equal workspaces have equal addresses. */
interface Snapshot {
  readonly files: readonly SnapshotFile[];
}

interface SnapshotFile {
  readonly path: string;
  readonly ref: BlobAddress;
  readonly executable?: true;
}

export function createWorkspaces(blobs: Blobs): Workspaces {
  const store = async (files: readonly SnapshotFile[]) => {
    const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
    return (await blobs.putJson({ files: sorted } as unknown as JsonObject)).ref;
  };
  const read = async (snapshot: BlobAddress) => (await blobs.getJson<Snapshot>(snapshot)).files;
  return {
    async fromInput(files) {
      const problem = workspaceProblem(Object.keys(files));
      if (problem !== undefined) throw new RunRefused("InvalidInput", `files: ${problem}`);
      const stored = await someAtATime(Object.entries(files), async ([path, content]) => {
        if (typeof content === "string") return { path, ref: (await blobs.put(content)).ref };
        await blobs.get(content.ref);
        return { path, ref: content.ref };
      });
      return await store(stored);
    },
    async load(snapshot) {
      if (snapshot === undefined) return [];
      return await someAtATime(await read(snapshot), async ({ path, ref, executable }) => ({
        path,
        content: await blobs.get(ref),
        ...(executable ? { executable } : {}),
      }));
    },
    async save(files) {
      const stored = await someAtATime(files, async ({ path, content, executable }) => {
        const { ref } = await blobs.put(content);
        return executable ? ({ path, ref, executable: true } as const) : { path, ref };
      });
      return await store(stored);
    },
    async out(snapshot) {
      const files = (await read(snapshot)).filter(({ path }) => path.startsWith(OUT_FOLDER));
      return Object.fromEntries(files.map(({ path, ref }) => [path.slice(OUT_FOLDER.length), ref]));
    },
  };
}

/** Results in the order of the items. */
async function someAtATime<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...items.entries()].reverse();
  const worker = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

import type { JsonObject } from "../core/json.js";
import type { BlobAddress, TextOrRef } from "../core/transcript.js";
import type { WorkspaceFile } from "../ports/sandbox.js";
import type { Blobs } from "./blobs.js";

/** Files whose place in a run's workspace is this folder are the run's result. */
export const OUT_FOLDER = "out/";

/** A run's files between executions, as content-addressed snapshots: equal files are stored once. */
export interface Workspaces {
  /** The snapshot that a run's input files make. @throws BlobMissing for a ref that is not there */
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
      const stored = Object.entries(files).map(async ([path, content]) => {
        if (typeof content === "string") return { path, ref: (await blobs.put(content)).ref };
        await blobs.get(content.ref);
        return { path, ref: content.ref };
      });
      return await store(await Promise.all(stored));
    },
    async load(snapshot) {
      if (snapshot === undefined) return [];
      const files = await read(snapshot);
      return await Promise.all(
        files.map(async ({ path, ref, executable }) => ({
          path,
          content: await blobs.get(ref),
          ...(executable ? { executable } : {}),
        })),
      );
    },
    async save(files) {
      const stored = files.map(async ({ path, content, executable }) => {
        const { ref } = await blobs.put(content);
        return executable ? ({ path, ref, executable: true } as const) : { path, ref };
      });
      return await store(await Promise.all(stored));
    },
    async out(snapshot) {
      const files = (await read(snapshot)).filter(({ path }) => path.startsWith(OUT_FOLDER));
      return Object.fromEntries(files.map(({ path, ref }) => [path.slice(OUT_FOLDER.length), ref]));
    },
  };
}

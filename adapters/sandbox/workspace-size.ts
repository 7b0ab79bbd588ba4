import { foldersOf } from "../../core/workspace-paths.js";
import type { SandboxLimits, WorkspaceFile } from "../../ports/sandbox.js";

/** Memory is given out in pages. */
const PAGE_BYTES = 4_096;

/** The folder that is there in each workspace: what is left in it is the run's result. */
export const OUT_FOLDER = "out";

/** Bytes that a file of this size takes of the disk limit. */
export function diskBytesOf(size: number): number {
  return Math.ceil(size / PAGE_BYTES) * PAGE_BYTES;
}

/** The limit that these files break before anything has run. */
export function brokenLimit(files: readonly WorkspaceFile[], limits: SandboxLimits): "disk" | "files" | undefined {
  const bytes = files.reduce((sum, { content }) => sum + diskBytesOf(content.length), 0);
  if (bytes > limits.diskBytes) return "disk";
  return files.length + foldersOf(files.map(({ path }) => path)).length > limits.files ? "files" : undefined;
}

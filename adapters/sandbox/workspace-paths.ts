import type { SandboxLimits, WorkspaceFile } from "../../ports/sandbox.js";

/** Longest path of a file, in bytes of UTF-8. */
export const LONGEST_PATH_BYTES = 1_024;
export const LONGEST_NAME_BYTES = 255;

/** Memory is given out in pages. */
const PAGE_BYTES = 4_096;

/** The folder that is there in each workspace: what is left in it is the run's result. */
export const OUT_FOLDER = "out";

/** Bytes that a file of this size takes of the disk limit. */
export function diskBytesOf(size: number): number {
  return Math.ceil(size / PAGE_BYTES) * PAGE_BYTES;
}

/** What is wrong with a path as the place of a workspace file; undefined where nothing is. */
export function pathProblem(path: string): string | undefined {
  const parts = path.split("/");
  if (parts.some((part) => part === "" || part === "." || part === "..")) {
    return "must be relative, without empty parts, . or ..";
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
  if (/[\u0000-\u001f\u007f]/.test(path)) return "must hold no control characters";
  if (Buffer.from(path).toString() !== path) return "must be valid Unicode";
  if (Buffer.byteLength(path) > LONGEST_PATH_BYTES) return `must have at most ${LONGEST_PATH_BYTES} bytes`;
  if (parts.some((part) => Buffer.byteLength(part) > LONGEST_NAME_BYTES)) {
    return `must have parts of at most ${LONGEST_NAME_BYTES} bytes`;
  }
  return undefined;
}

/** Every folder that these files lie in, outer ones first. */
export function foldersOf(files: readonly Pick<WorkspaceFile, "path">[]): string[] {
  const folders = new Set<string>();
  for (const { path } of files) {
    const parts = path.split("/").slice(0, -1);
    for (const index of parts.keys()) folders.add(parts.slice(0, index + 1).join("/"));
  }
  return [...folders].sort((a, b) => a.split("/").length - b.split("/").length);
}

/** What is wrong with these files as a workspace: a path that is none, twice the same, a file where another needs a folder. */
export function workspaceProblem(files: readonly WorkspaceFile[]): string | undefined {
  const paths = new Set<string>();
  for (const { path } of files) {
    const problem = pathProblem(path);
    if (problem !== undefined) return `${JSON.stringify(path)} ${problem}`;
    if (paths.has(path)) return `${JSON.stringify(path)} is there twice`;
    paths.add(path);
  }
  const clash = foldersOf(files).find((folder) => paths.has(folder));
  return clash === undefined ? undefined : `${JSON.stringify(clash)} is a file and a folder`;
}

/** The limit that these files break before anything has run. */
export function brokenLimit(files: readonly WorkspaceFile[], limits: SandboxLimits): "disk" | "files" | undefined {
  const bytes = files.reduce((sum, { content }) => sum + diskBytesOf(content.length), 0);
  if (bytes > limits.diskBytes) return "disk";
  return files.length + foldersOf(files).length > limits.files ? "files" : undefined;
}

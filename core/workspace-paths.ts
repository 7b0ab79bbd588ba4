import { utf8Bytes } from "./digest.js";

/** Longest path of a workspace file, in bytes of UTF-8. */
export const LONGEST_WORKSPACE_PATH = 2_000;
const LONGEST_NAME = 255;

/** What is wrong with a path as the place of a workspace file; undefined where nothing is. */
export function workspacePathProblem(path: string): string | undefined {
  const parts = path.split("/");
  if (parts.some((part) => part === "" || part === "." || part === "..")) {
    return "must be relative, without empty parts, . or ..";
  }
  if (/\p{Cc}/u.test(path)) return "must hold no control characters";
  if (/\p{Cs}/u.test(path)) return "must be valid Unicode";
  if (utf8Bytes(path) > LONGEST_WORKSPACE_PATH) return `must have at most ${LONGEST_WORKSPACE_PATH} bytes`;
  if (parts.some((part) => utf8Bytes(part) > LONGEST_NAME)) return `must have parts of at most ${LONGEST_NAME} bytes`;
  return undefined;
}

/** Every folder that these paths lie in, outer ones before inner ones. */
export function foldersOf(paths: readonly string[]): string[] {
  const folders = new Set<string>();
  for (const path of paths) {
    const parts = path.split("/").slice(0, -1);
    for (const index of parts.keys()) folders.add(parts.slice(0, index + 1).join("/"));
  }
  return [...folders].sort((a, b) => a.split("/").length - b.split("/").length);
}

/** What is wrong with these paths as the files of one workspace: one that is none, twice the same, a file where another needs a folder. */
export function workspaceProblem(paths: readonly string[]): string | undefined {
  const known = new Set<string>();
  for (const path of paths) {
    const problem = workspacePathProblem(path);
    if (problem !== undefined) return `${JSON.stringify(path)} ${problem}`;
    if (known.has(path)) return `${JSON.stringify(path)} is there twice`;
    known.add(path);
  }
  const clash = foldersOf(paths).find((folder) => known.has(folder));
  return clash === undefined ? undefined : `${JSON.stringify(clash)} is a file and a folder`;
}

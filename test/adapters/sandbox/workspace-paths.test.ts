import { expect, test } from "@jest/globals";
import { brokenLimit, foldersOf, pathProblem, workspaceProblem } from "../../../adapters/sandbox/workspace-paths.js";
import { DEFAULT_SANDBOX_LIMITS } from "../../../ports/sandbox.js";

const file = (path: string, bytes = 0) => ({ path, content: new Uint8Array(bytes) });

test.each(["a", "a/b.txt", "out/ünïcode 文件.txt", "-rf", "..a", "a..", "a\\b", " ", "x".repeat(255), "$(reboot)"])(
  "%j is the path of a workspace file",
  (path) => {
    expect(pathProblem(path)).toBeUndefined();
  },
);

test.each([
  ["", "relative"],
  ["/etc/passwd", "relative"],
  ["../x", "relative"],
  ["a/../../x", "relative"],
  ["a/./b", "relative"],
  ["a//b", "relative"],
  ["a/", "relative"],
  ["..", "relative"],
  ["a\u0000b", "control characters"],
  ["a\nb", "control characters"],
  ["\u001b[2J", "control characters"],
  ["\ud800", "valid Unicode"],
  ["x".repeat(256), "parts of at most 255 bytes"],
  ["é".repeat(128), "parts of at most 255 bytes"],
  [`${"d/".repeat(600)}x`, "at most 1024 bytes"],
])("%j is none", (path, problem) => {
  expect(pathProblem(path)).toContain(problem);
});

test.each([
  [["a", "b/c", "b/d/e"], undefined],
  [["a", "../b"], '"../b" must be relative, without empty parts, . or ..'],
  [["a", "a"], '"a" is there twice'],
  [["a/b", "a"], '"a" is a file and a folder'],
  [["a/b/c", "a/b"], '"a/b" is a file and a folder'],
])("as a workspace the files %j have the problem %j", (paths, problem) => {
  expect(workspaceProblem(paths.map((path) => file(path)))).toBe(problem);
});

test("folders are listed before what is in them", () => {
  expect(foldersOf([file("z/y/x/1"), file("a/1"), file("z/2")])).toEqual(["z", "a", "z/y", "z/y/x"]);
});

test.each([
  ["three small files", [file("a", 1), file("b", 1), file("c/d", 1)], 4, 3 * 4_096, undefined],
  ["a byte that needs another page", [file("a", 4_097)], 4, 4_096, "disk"],
  ["small files that fill their pages", [file("a", 1), file("b", 1)], 4, 4_096, "disk"],
  ["a file too many", [file("a"), file("b")], 1, 4_096, "files"],
  ["a folder too many", [file("a/b/c")], 2, 4_096, "files"],
])("%s break the limit of a workspace rightly", (_files, files, most, diskBytes, limit) => {
  expect(brokenLimit(files, { ...DEFAULT_SANDBOX_LIMITS, files: most, diskBytes })).toBe(limit);
});

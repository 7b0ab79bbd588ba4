import { expect, test } from "@jest/globals";
import { foldersOf, workspacePathProblem, workspaceProblem } from "../../core/workspace-paths.js";

test.each(["a", "a/b.txt", "out/ünïcode 文件.txt", "-rf", "..a", "a..", "a\\b", " ", "x".repeat(255), "$(reboot)"])(
  "%j is the path of a workspace file",
  (path) => {
    expect(workspacePathProblem(path)).toBeUndefined();
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
  ["c\u0085d", "control characters"],
  [`${"d/".repeat(1_000)}x`, "at most 2000 bytes"],
])("%j is none", (path, problem) => {
  expect(workspacePathProblem(path)).toContain(problem);
});

test.each([
  [["a", "b/c", "b/d/e"], undefined],
  [["a", "../b"], '"../b" must be relative, without empty parts, . or ..'],
  [["a", "a"], '"a" is there twice'],
  [["a/b", "a"], '"a" is a file and a folder'],
  [["a/b/c", "a/b"], '"a/b" is a file and a folder'],
])("as a workspace the files %j have the problem %j", (paths, problem) => {
  expect(workspaceProblem(paths)).toBe(problem);
});

test("folders are listed before what is in them", () => {
  expect(foldersOf(["z/y/x/1", "a/1", "z/2"])).toEqual(["z", "a", "z/y", "z/y/x"]);
});

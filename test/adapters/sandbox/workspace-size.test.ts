import { expect, test } from "@jest/globals";
import { brokenLimit } from "../../../adapters/sandbox/workspace-size.js";
import { DEFAULT_SANDBOX_LIMITS } from "../../../ports/sandbox.js";

const file = (path: string, bytes = 0) => ({ path, content: new Uint8Array(bytes) });

test.each([
  ["three small files", [file("a", 1), file("b", 1), file("c/d", 1)], 4, 3 * 4_096, undefined],
  ["a byte that needs another page", [file("a", 4_097)], 4, 4_096, "disk"],
  ["small files that fill their pages", [file("a", 1), file("b", 1)], 4, 4_096, "disk"],
  ["a file too many", [file("a"), file("b")], 1, 4_096, "files"],
  ["a folder too many", [file("a/b/c")], 2, 4_096, "files"],
])("%s break the limit of a workspace rightly", (_files, files, most, diskBytes, limit) => {
  expect(brokenLimit(files, { ...DEFAULT_SANDBOX_LIMITS, files: most, diskBytes })).toBe(limit);
});

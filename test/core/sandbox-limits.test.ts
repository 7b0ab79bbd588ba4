import { expect, test } from "@jest/globals";
import { DEFAULT_SANDBOX_LIMITS, limitProblems, parseLimits } from "../../core/sandbox-limits.js";

test("the defaults are right, and so is any part of them", () => {
  expect(limitProblems(DEFAULT_SANDBOX_LIMITS)).toEqual([]);
  expect(limitProblems({ wallMs: 1 })).toEqual([]);
  expect(limitProblems({})).toEqual([]);
});

test.each<[object, RegExp]>([
  [{ wallTime: 5 }, /^wallTime is no limit; there are wallMs, cpuMs/],
  [{ toString: 1 }, /^toString is no limit/],
  [{ wallMs: 1e12 }, /^wallMs must be a whole number from 1 to 86400000, and is 1000000000000$/],
  [{ memoryBytes: 0 }, /^memoryBytes must be/],
  [{ files: -1 }, /^files must be/],
  [{ processes: 1.5 }, /^processes must be/],
  [{ diskBytes: Number.NaN }, /and is NaN$/],
  [{ cpuMs: "5s" }, /and is 5s$/],
])("%j is told as wrong", (limits, problem) => {
  expect(limitProblems(limits)).toEqual([expect.stringMatching(problem)]);
});

test("every wrong limit is named", () => {
  const problems = limitProblems({ ...DEFAULT_SANDBOX_LIMITS, wallMs: -1, diskBytes: 0, files: 0 });
  expect(problems.map((problem) => problem.split(" ")[0])).toEqual(["wallMs", "diskBytes", "files"]);
});

test("limits are written as people write amounts", () => {
  const text = "wall=5m, cpu=90s,memory=2GiB,processes=256,output=512KiB,disk=100mib,files=10000";
  expect(parseLimits(text)).toEqual({
    ...{ wallMs: 300_000, cpuMs: 90_000, memoryBytes: 2 * 2 ** 30, processes: 256 },
    ...{ outputBytes: 512 * 1024, diskBytes: 100 * 2 ** 20, files: 10_000 },
  });
});

test.each([
  ["", /"" is no limit/],
  ["memory", /"memory" is no limit/],
  ["ram=1GiB", /"ram=1GiB" is no limit: write wall, cpu/],
  ["memory=1GiB,memory=2GiB", /memory stands there twice/],
  ["memory=1GB", /memory: "1GB" is no amount such as "512MiB"/],
  ["files=1KiB", /files: "1KiB" is no whole number/],
  ["wall=60", /wall: "60" has no unit/],
  ["memory=1MiB", /memoryBytes must be a whole number from 16777216/],
  ["__proto__=1", /is no limit/],
])("%j says nothing", (text, problem) => {
  expect(parseLimits(text)).toEqual({ problem: expect.stringMatching(problem) });
});

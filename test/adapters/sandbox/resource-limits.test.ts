import { expect, test } from "@jest/globals";
import { readHardLimits, resourceLimits } from "../../../adapters/sandbox/resource-limits.js";
import { DEFAULT_SANDBOX_LIMITS } from "../../../ports/sandbox.js";

const HARD = readHardLimits(`Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max file size             unlimited            unlimited            bytes
Max core file size        0                    unlimited            bytes
Max processes             96364                96364                processes
Max open files            256                  512                  files
Max locked memory         8388608              8388608              bytes
Max msgqueue size         819200               819200               bytes`);

test("the kernel holds a process to the limits of an execution", () => {
  expect(resourceLimits(DEFAULT_SANDBOX_LIMITS, {}, { hasCgroup: false })).toEqual([
    "--core=1:1",
    "--nofile=1024:1024",
    "--fsize=67108864:67108864",
    "--nproc=131:131",
    "--cpu=62:62",
    "--memlock=65536:65536",
    "--msgqueue=0:0",
    "--data=1610612736:1610612736",
  ]);
});

test("with a cgroup it is the cgroup that refuses memory and the next process", () => {
  const limits = resourceLimits(DEFAULT_SANDBOX_LIMITS, {}, { hasCgroup: true });
  expect(limits).toContain("--nproc=146:146");
  expect(limits.join(" ")).not.toContain("--data");
});

test("a limit that the worker itself has is not raised, which only root may", () => {
  expect(resourceLimits(DEFAULT_SANDBOX_LIMITS, HARD, { hasCgroup: true })).toContain("--nofile=512:512");
});

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

const LINUX = { kernel: "linux", hasCgroup: false, usersTasks: 0 } as const;

test("the kernel holds a process to the limits of an execution", () => {
  expect(resourceLimits(DEFAULT_SANDBOX_LIMITS, {}, LINUX)).toEqual([
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
  const limits = resourceLimits(DEFAULT_SANDBOX_LIMITS, {}, { ...LINUX, hasCgroup: true });
  expect(limits).toContain("--nproc=146:146");
  expect(limits.join(" ")).not.toContain("--data");
});

test("a limit that the worker itself has is not raised, which only root may", () => {
  expect(resourceLimits(DEFAULT_SANDBOX_LIMITS, HARD, { ...LINUX, hasCgroup: true })).toContain("--nofile=512:512");
});

test("gVisor is not asked for what it refuses, and counts all that the worker's user has", () => {
  const limits = (usersTasks: number) =>
    resourceLimits(DEFAULT_SANDBOX_LIMITS, {}, { kernel: "gvisor", hasCgroup: false, usersTasks }).join(" ");
  expect(limits(0)).not.toContain("msgqueue");
  expect(limits(0)).toContain("--nproc=131:131");
  expect(limits(20)).toContain("--nproc=407:407");
});

import { expect, test } from "@jest/globals";
import { kernelFor, kernelHere } from "../../../adapters/sandbox/kernel.js";

test.each([
  ["gvisor", "Linux version 4.19.0-gvisor #1 SMP Sun Jan 10 15:06:54 PST 2016"],
  ["gvisor", "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016"],
  ["linux", "Linux version 6.1.0-37-amd64 (debian-kernel@lists.debian.org) #1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1"],
  ["linux", ""],
])("%s is told by %j", (kernel, version) => {
  expect(kernelFor(version)).toBe(kernel);
});

test("tests run on Linux itself", () => {
  expect(kernelHere()).toBe("linux");
});

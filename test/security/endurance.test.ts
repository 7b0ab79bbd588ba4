import { readdirSync, readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "@jest/globals";
import { createBubblewrapSandbox } from "../../adapters/sandbox/bubblewrap.js";
import { createGvisorSandbox } from "../../adapters/sandbox/gvisor.js";
import { DEFAULT_SANDBOX_LIMITS, type Sandbox } from "../../ports/sandbox.js";
import { eventually } from "../harness/eventually.js";
import { cgroupsOf, descriptors } from "../harness/held-by-process.js";
import { describeWith } from "../harness/real-part.js";
import { amount } from "./amount.js";

/* Executions one after the other leave nothing behind, however many they are: 2,000 in `npm run test:security`. */

const COUNT = amount({ quick: 40, full: 2_000 });
const MOST_GROWTH_BYTES = 16 * 1024 * 1024;

describeWith("bubblewrap", (path) => endures(() => createBubblewrapSandbox({ programPath: path })));
describeWith("gvisor", (path) => endures(() => createGvisorSandbox({ programPath: path })));

function endures(open: () => Sandbox): void {
  test(`${COUNT} executions in a row leave no descriptor, mount, cgroup, process or memory`, async () => {
    const sandbox = open();
    const run = async (number: number) => {
      const files = [{ path: "in.txt", content: Buffer.from(String(number)) }];
      const request = {
        language: "shell",
        code: "cp in.txt out.txt; cat out.txt",
        files,
        limits: DEFAULT_SANDBOX_LIMITS,
      } as const;
      const ran = await sandbox.run(request, { signal: new AbortController().signal });
      return [ran.exitCode, ran.stdout, ran.files.length];
    };
    // Whatever is opened once and kept.
    for (let number = 0; number < 10; number += 1) await run(number);
    const [before, heap] = [held(), heapAfterCollection()];
    for (let number = 0; number < COUNT; number += 1) expect(await run(number)).toEqual([0, String(number), 2]);
    await eventually(() => expect(held()).toEqual(before));
    expect(heapAfterCollection() - heap).toBeLessThan(MOST_GROWTH_BYTES);
  }, 1_800_000);
}

/** What this process holds, besides its heap. */
function held() {
  // Ours alone: others mount things on this host too.
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => / wflo |runsc/.test(line));
  return { descriptors: descriptors(), mounts, cgroups: cgroupsOf(process.pid), children: childrenOf(process.pid) };
}

function childrenOf(pid: number): readonly string[] {
  const isChild = (name: string) => new RegExp(`^\\d+ \\(.*\\) \\S ${pid} `).test(textOf(`/proc/${name}/stat`));
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isChild(name));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function heapAfterCollection(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

import { existsSync, readdirSync } from "node:fs";
import { afterAll, expect, test } from "@jest/globals";
import { createGvisorSandbox } from "../../../adapters/sandbox/gvisor.js";
import { DEFAULT_SANDBOX_LIMITS } from "../../../ports/sandbox.js";
import { eventually } from "../../harness/eventually.js";
import { describeWith } from "../../harness/real-part.js";
import { sandboxSuite } from "../../ports/sandbox.suite.js";
import { sandboxNetworkSuite } from "../../ports/sandbox-network.suite.js";
import { descendants, textOf } from "./descendants.js";
import { startSandboxProcess } from "./sandbox-client.js";

describeWith("gvisor", (path) => {
  afterAll(() => {
    expect(runscProcesses()).toEqual([]);
  });
  sandboxSuite({
    open: async () => createGvisorSandbox({ programPath: path }),
    processesFor: () => runscProcesses(),
    ownKernel: {
      "use a descriptor that it was not given": {
        faults: /descriptor [12] is host:\[\d\]/,
        because: "so gVisor names the two pipes that the code prints into",
      },
      "escape through a program that runs with more rights": {
        faults: /ids - -5/,
        because: "gVisor lets a process be nicer to itself; on the host all of it has one priority",
      },
      "make namespaces of its own": {
        faults: /unshare time|clone3/,
        because: "they are gVisor's own, and its filter cannot see clone3's flags",
      },
      "loosen its own limits": {
        faults: /core 0/,
        because: "it is the limit already, and no kernel of the host would dump anything",
      },
      "call the kernel in another processor's way": {
        faults: /x32 call|i386 call/,
        because: "the process goes on with an error from gVisor; the host's kernel is not called",
      },
      "multiply without end": {
        faults: /limit is undefined/,
        because: "the limit holds; the kernel inside can't tell of it once the time is over",
      },
      "multiply without end in one line": {
        faults: /limit is undefined/,
        because: "the limit holds; the kernel inside can't tell of it once the time is over",
      },
    },
  });

  sandboxNetworkSuite((egress) => createGvisorSandbox({ programPath: path }, { egress }));

  test("a worker that is killed with an execution under way leaves nothing of it", async () => {
    const { sandbox, child } = await startSandboxProcess({ bwrapPath: path, backend: "gvisor" });
    const request = { language: "shell", code: "sleep 600", files: [], limits: DEFAULT_SANDBOX_LIMITS } as const;
    const running = sandbox.run(request, { signal: new AbortController().signal });
    running.catch(() => undefined);
    // The kernel's own, its file server and what started them.
    await eventually(() => expect(runscProcesses(child.pid).length).toBeGreaterThan(2));
    const alive = runscProcesses(child.pid);
    child.kill("SIGKILL");
    await expect(running).rejects.toThrow(/has ended/);
    await eventually(() => expect(alive.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]));
  });

  test("fifty executions at once all end right, and leave no cgroup, mount or descriptor behind", async () => {
    const sandbox = createGvisorSandbox({ programPath: path });
    const run = async () => {
      const request = {
        language: "shell",
        code: "echo $((6 * 7))",
        files: [],
        limits: DEFAULT_SANDBOX_LIMITS,
      } as const;
      return (await sandbox.run(request, { signal: new AbortController().signal })).stdout;
    };
    await run();
    const [descriptors, mounts] = [readdirSync("/proc/self/fd").length, ourMounts()];
    expect(new Set(await Promise.all(Array.from({ length: 50 }, run)))).toEqual(new Set(["42\n"]));
    expect(ourMounts()).toEqual(mounts);
    await eventually(() => expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(descriptors));
    expect(runscProcesses()).toEqual([]);
  }, 60_000);
});

/** gVisor's processes that descend from one of ours. */
function runscProcesses(root: number = process.pid): readonly number[] {
  return descendants(root, "runsc");
}

/** Others mount things on this host too. */
function ourMounts(): readonly string[] {
  return textOf("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => / wflo |runsc/.test(line));
}

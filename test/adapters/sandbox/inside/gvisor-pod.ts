/*
 * The promises of a sandbox for a worker that runs in gVisor itself. jest runs this within a pod (../gvisor-pod.test.ts), so
 * that its judges stand where the worker does: what a program does to the pod is what gVisor alone would not keep it from.
 */
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { createLogger } from "../../../../adapters/pino/logger.js";
import { createBubblewrapSandbox } from "../../../../adapters/sandbox/bubblewrap.js";
import { kernelHere } from "../../../../adapters/sandbox/kernel.js";
import { DEFAULT_SANDBOX_LIMITS, type Sandbox } from "../../../../ports/sandbox.js";
import { readConfig } from "../../../../workers/config.js";
import { openSandbox } from "../../../../workers/sandbox.js";
import { eventually } from "../../../harness/eventually.js";
import { sandboxSuite } from "../../../ports/sandbox.suite.js";
import { processesWith } from "../../../ports/sandbox-hostile/world.js";
import { sandboxNetworkSuite } from "../../../ports/sandbox-network.suite.js";
import { startSandboxProcess } from "../sandbox-client.js";

const bwrapPath = process.env.WFLO_POD_BUBBLEWRAP ?? "";
const open = (): Sandbox => createBubblewrapSandbox({ programPath: bwrapPath });
const limits = DEFAULT_SANDBOX_LIMITS;

describe("in a pod of gVisor", () => {
  sandboxSuite({
    open: async () => open(),
    ownKernel: {
      "kill a process of the host": {
        faults: /did not come to its end|exitCode is null/,
        because: "gVisor lets a process end the first one of its namespace, which ends this sandbox and nothing else",
      },
      "multiply without end": {
        faults: /timedOut is false|limit is memory/,
        because:
          "gVisor does not refuse the next process, so all of them are ended at once; their memory counts as well",
      },
      "multiply without end in one line": {
        faults: /timedOut is false|limit is memory/,
        because:
          "gVisor does not refuse the next process, so all of them are ended at once; their memory counts as well",
      },
      "escape through a program that runs with more rights": {
        faults: /ids - (True|-\d)/,
        because: "gVisor lets a process be nicer to itself; on the host all of it has one priority",
      },
      "change a program that the worker runs too": {
        faults: /mode of \/(etc\/passwd|code\/main\.py) - True/,
        because:
          "gVisor lets an owner change modes through a mount that can't be written; these two are this sandbox's own",
      },
      "change a file while it is collected": {
        faults: /timedOut is false/,
        because: "gVisor ends what stops in a session without a terminal",
      },
    },
  });

  sandboxNetworkSuite((egress) => createBubblewrapSandbox({ programPath: bwrapPath }, { egress }));

  test("the wall between code and the node is gVisor's", () => {
    expect(kernelHere()).toBe("gvisor");
    expect(open()).toMatchObject({ backend: "bubblewrap", isolation: "gvisor" });
  });

  test("what the worker's user owns is not shown to code, who could change it", async () => {
    expect(process.getuid?.()).not.toBe(0);
    const folder = await mkdtemp(join(tmpdir(), "wflo-own-"));
    const nodePath = join(folder, "node");
    await writeFile(nodePath, "#!/bin/sh\n", { mode: 0o755 });
    const sandbox = createBubblewrapSandbox({ programPath: bwrapPath, nodePath });
    const request = { language: "shell", code: "true", files: [], limits } as const;
    await expect(sandbox.run(request, { signal: new AbortController().signal })).rejects.toMatchObject({
      name: "SandboxUnavailable",
      message: expect.stringMatching(/wflo-own-.*\/node is the worker's user's.*let root own it/),
    });
  });

  test.each(["gvisor", "auto"])("a worker with WFLO_SANDBOX=%s takes it, and says why", async (wanted) => {
    const environment = { WFLO_SANDBOX: wanted, PATH: `${dirname(bwrapPath)}:${process.env.PATH}` };
    const sandbox = await openSandbox(readConfig(environment), createLogger({ level: "silent" }));
    expect(sandbox).toMatchObject({
      backend: "bubblewrap",
      isolation: "gvisor",
      why: expect.stringContaining("the worker itself runs in gVisor"),
    });
  });

  test("twenty executions at once all end right", async () => {
    const sandbox = open();
    const run = async () => {
      const request = { language: "shell", code: "echo $((6 * 7))", files: [], limits } as const;
      return (await sandbox.run(request, { signal: new AbortController().signal })).stdout;
    };
    expect(new Set(await Promise.all(Array.from({ length: 20 }, run)))).toEqual(new Set(["42\n"]));
  });

  describe("a worker that is killed", () => {
    const started: { stop(): Promise<void> }[] = [];
    afterAll(async () => {
      for (const { stop } of started) await stop();
    });

    test("leaves nothing of what it ran", async () => {
      const worker = await startSandboxProcess({ bwrapPath });
      started.push(worker);
      const request = { language: "shell", code: "exec -a wflo-orphan sleep 600", files: [], limits } as const;
      const running = worker.sandbox.run(request, { signal: new AbortController().signal });
      running.catch(() => undefined);
      await eventually(() => expect(processesWith("wflo-orphan").length).toBeGreaterThan(0));
      worker.child.kill("SIGKILL");
      await expect(running).rejects.toThrow(/has ended/);
      await eventually(() => expect(processesWith("wflo-orphan")).toEqual([]));
    });
  });
});

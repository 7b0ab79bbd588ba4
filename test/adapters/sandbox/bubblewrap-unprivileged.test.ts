import { afterAll, describe, expect, test } from "@jest/globals";
import { describeWith } from "../../harness/real-part.js";
import { sandboxSuite } from "../../ports/sandbox.suite.js";
import { type BubblewrapCopy, copyOfBubblewrap } from "./open-bubblewrap.js";
import { type SandboxProcess, startSandboxProcess } from "./sandbox-client.js";

/** Nobody: a user without files, groups or rights. */
const NOBODY = 65_534;

/* The same promises where the worker is an ordinary user: user namespaces alone, no user of its own for each run, and no
 * cgroup. Run by root, the worker is a process of nobody's; run by anybody else, bubblewrap.test.ts is that case already. */
describeWith("bubblewrap", (path) => {
  const isRoot = process.getuid?.() === 0;
  const worker: { started?: SandboxProcess; copy?: BubblewrapCopy } = {};
  afterAll(async () => {
    await worker.started?.stop();
    await worker.copy?.remove();
  });

  if (isRoot) {
    describe("for a worker that is an ordinary user", () => {
      sandboxSuite({
        uid: NOBODY,
        open: async () => {
          worker.copy = await copyOfBubblewrap(path);
          worker.started = await startSandboxProcess({ bwrapPath: worker.copy.path, uid: NOBODY });
          return worker.started.sandbox;
        },
      });

      test("what is watched and not counted is said by the probes", async () => {
        const checks = (await worker.started?.sandbox.check()) ?? [];
        const detail = (name: string) => checks.find((check) => check.name === name)?.detail;
        expect(detail("user")).toContain("the worker's own user");
        expect(detail("memory limit")).toContain("watched");
        expect(detail("cpu limit")).toContain("run the worker as root");
      });
    });
  } else {
    test("this process is an ordinary user, so bubblewrap.test.ts has shown it", () => {
      expect(process.getuid?.()).not.toBe(0);
    });
  }
});

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { runInPod } from "../../harness/gvisor-pod.js";
import { describeWith } from "../../harness/real-part.js";
import { HOSTILE_PROGRAMS } from "../../ports/sandbox-hostile/index.js";
import { type BubblewrapCopy, copyOfBubblewrap } from "./open-bubblewrap.js";

/* Kubernetes with a gVisor RuntimeClass, without Kubernetes: the container that a node's containerd would ask runsc for. The
 * suite that every sandbox has runs inside (inside/gvisor-pod.ts), and here each of its tests is looked at by name. */

interface Assertion {
  readonly title: string;
  readonly fullName: string;
  readonly status: string;
  readonly failureMessages: readonly string[];
}

describeWith("gvisor", (runsc) => {
  describeWith("bubblewrap", (bwrap) => {
    let copy: BubblewrapCopy;
    let results: readonly Assertion[] = [];
    beforeAll(async () => {
      copy = await copyOfBubblewrap(bwrap);
      results = assertionsOf(await runInPod({ runsc, bubblewrap: copy, args: jestArguments() }));
    }, 300_000);
    afterAll(async () => {
      await copy.remove();
    });

    describe("a pod of gVisor's RuntimeClass: code cannot", () => {
      test.each(HOSTILE_PROGRAMS.map(({ name }) => name))("%s", (name) => {
        expect(results.find(({ title }) => title === name)).toMatchObject({ status: "passed" });
      });
    });

    test("a pod of gVisor's RuntimeClass keeps all other promises of a sandbox too", () => {
      const failed = results.filter(({ status }) => status !== "passed");
      expect(failed.map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages.join("\n")}`)).toEqual([]);
      expect(results.length).toBeGreaterThan(HOSTILE_PROGRAMS.length + 60);
    });
  });
});

function jestArguments(): string[] {
  return [
    ...["--experimental-vm-modules", "--disable-warning=ExperimentalWarning", "node_modules/jest/bin/jest.js"],
    ...["--json", "--silent", "--runInBand", "--forceExit", "--globalSetup=", "--globalTeardown="],
    ...["--testMatch", "**/test/adapters/sandbox/inside/gvisor-pod.ts"],
  ];
}

/** Of jest's report, which is a line of JSON among what else is printed. */
function assertionsOf(output: string): readonly Assertion[] {
  const line = output.split("\n").find((text) => text.startsWith('{"num'));
  if (line === undefined) throw new Error(`there is no report of what ran inside:\n${output.slice(-4_000)}`);
  const report = JSON.parse(line) as { readonly testResults: readonly { assertionResults: readonly Assertion[] }[] };
  return report.testResults.flatMap(({ assertionResults }) => assertionResults);
}

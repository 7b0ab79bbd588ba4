import type { Sandbox } from "../../ports/sandbox.js";
import { bwrapArguments } from "./bwrap-arguments.js";
import { type SandboxPrograms, surveyHost } from "./host.js";
import { kernelHere } from "./kernel.js";
import { launchScript } from "./launch-script.js";
import { OWN_PROCESSES } from "./resource-limits.js";
import { createSandbox, type SandboxOptions } from "./sandbox.js";

/**
 * Sandboxes made by bubblewrap: namespaces of their own, a system call filter, no capability, nothing of the host but
 * its programs, read-only. As root each run has a uid and a cgroup of its own. In a worker that runs in gVisor itself (a pod
 * of its RuntimeClass) that kernel stands between code and host, and these walls between code and worker.
 */
export function createBubblewrapSandbox(programs: SandboxPrograms, options: SandboxOptions = {}): Sandbox {
  return createSandbox(options, {
    backend: "bubblewrap",
    isolation: kernelHere() === "gvisor" ? "gvisor" : "namespace",
    survey: async () => await surveyHost(programs),
    uid: ({ identity }) => (identity.kind === "fresh" ? identity.choose() : undefined),
    ownProcesses: () => OWN_PROCESSES,
    keeperTask: (launch, shape) => ({
      name: "bubblewrap",
      script: launchScript(launch),
      argv: bwrapArguments(launch.host, shape),
      hasOwnFirst: true,
    }),
  });
}

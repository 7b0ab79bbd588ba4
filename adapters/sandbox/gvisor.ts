import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type Sandbox, SandboxUnavailable } from "../../ports/sandbox.js";
import { type SandboxHost, type SandboxPrograms, surveyHost } from "./host.js";
import type { StandingSandbox } from "./launcher.js";
import { bundleConfig, GUEST_UID } from "./runsc-bundle.js";
import { NONE_REFUSED, RUNSC, runscScript } from "./runsc-launch.js";
import { createSandbox, type SandboxOptions } from "./sandbox.js";

/** Threads on the host that gVisor has for itself, and for each process inside; the kernel inside holds the limit. */
const OWN_THREADS = 256;
const THREADS_OF_A_PROCESS = 8;

/**
 * Sandboxes made by gVisor's `runsc`: a kernel of their own in user space, so that code does not reach the host's. As root
 * with cgroups only: without them gVisor holds no limit on memory.
 */
export function createGvisorSandbox(programs: SandboxPrograms, options: SandboxOptions = {}): Sandbox {
  return createSandbox(options, {
    backend: "gvisor",
    isolation: "gvisor",
    survey: async () => withLimits(await surveyHost(programs)),
    uid: () => GUEST_UID,
    ownProcesses: ({ processes }) => OWN_THREADS + processes * THREADS_OF_A_PROCESS,
    keeperTask: (launch, shape) => ({
      name: "gVisor",
      script: runscScript(launch, bundleConfig(launch.host, shape), { sockets: shape.hasNetwork }),
      argv: [],
      hasOwnFirst: false,
      setsUpFirst: true,
    }),
    statusOf: runStatus,
    limitsTold: async ({ base }) => (existsSync(`${base}/${RUNSC.told}/${NONE_REFUSED}`) ? [] : ["processes"]),
  });
}

function withLimits(host: SandboxHost): SandboxHost {
  const missing = [
    ...(host.identity.kind === "fresh" ? [] : ["root"]),
    ...(host.cgroups ? [] : ["cgroups with limits on memory and processes"]),
  ];
  if (missing.length === 0) return host;
  throw new SandboxUnavailable(`gVisor needs ${missing.join(" and ")} here; use bubblewrap, or run the worker so`);
}

/** gVisor's own failures end like a program's; its log tells them apart. */
async function runStatus({ base }: StandingSandbox, status: number): Promise<number> {
  if (status !== 128) return status;
  const log = await readFile(`${base}/${RUNSC.log}`, "utf8").catch(() => "");
  const problems = log.split("\n").filter((line) => line !== "");
  if (problems.length === 0) return status;
  throw new Error(`gVisor could not run the code: ${problems.map(messageOf).join("; ").slice(0, 1_000)}`);
}

/** A line of gVisor's log is JSON; some say the whole bundle after what went wrong. */
function messageOf(line: string): string {
  try {
    return String((JSON.parse(line) as { readonly msg?: unknown }).msg).slice(0, 500);
  } catch {
    return line.slice(0, 500);
  }
}

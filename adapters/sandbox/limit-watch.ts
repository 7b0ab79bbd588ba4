import { statfsSync } from "node:fs";
import type { SandboxLimits, SandboxResult } from "../../ports/sandbox.js";
import type { RunCgroup } from "./cgroups.js";
import type { StandingSandbox } from "./launcher.js";
import { measureTree, sharedMemoryBytes } from "./process-tree.js";

export type LimitName = NonNullable<SandboxResult["limit"]>;

/** Watches an execution from outside; ends it where the kernel does not. */
export interface LimitWatch {
  readonly timedOut: boolean;
  /** The limit that says most about what happened. */
  readonly limit: LimitName | undefined;
  /** Looks a last time and stops looking. */
  stop(): void;
}

const LOOK_EVERY_MS = 50;

/** Where several were hit: the first is what ended it, or came nearest to that. */
const BY_WEIGHT: readonly LimitName[] = ["memory", "cpu", "processes", "disk", "files"];

/** Starts the clock: to be called when the code is let loose. */
export function watchLimits(
  sandbox: StandingSandbox,
  limits: SandboxLimits,
  cgroup: RunCgroup | undefined,
): LimitWatch {
  const hits = new Set<LimitName>();
  let timedOut = false;
  const look = () => {
    for (const name of [
      ...fullFolders(sandbox),
      ...(cgroup ? counted(sandbox, limits, cgroup) : measured(sandbox, limits)),
    ]) {
      hits.add(name);
    }
    if (hits.has("cpu") || (hits.has("memory") && !cgroup)) sandbox.kill();
  };
  const looking = setInterval(look, LOOK_EVERY_MS);
  const clock = setTimeout(() => {
    timedOut = true;
    sandbox.kill();
  }, limits.wallMs);
  return {
    get timedOut() {
      return timedOut;
    },
    get limit() {
      return BY_WEIGHT.find((name) => hits.has(name));
    },
    stop() {
      look();
      clearInterval(looking);
      clearTimeout(clock);
    },
  };
}

function counted({ init }: StandingSandbox, limits: SandboxLimits, cgroup: RunCgroup): LimitName[] {
  const cpuMs = cgroup.cpuMs() ?? measureTree(init).cpuMs;
  return [...cgroup.hits(), ...(cpuMs > limits.cpuMs ? (["cpu"] as const) : [])];
}

function measured({ init }: StandingSandbox, limits: SandboxLimits): LimitName[] {
  const { processes, cpuMs, memoryBytes } = measureTree(init);
  const found: LimitName[] = [];
  if (memoryBytes > limits.memoryBytes && sharedMemoryBytes(init) > limits.memoryBytes) found.push("memory");
  if (cpuMs > limits.cpuMs) found.push("cpu");
  // The kernel refuses the next one silently; with a limit of one every program would seem to want more.
  if (processes >= limits.processes && limits.processes > 1) found.push("processes");
  return found;
}

/** A folder without a free page or a free inode is one in which writing has failed, or is about to. */
function fullFolders({ base, workspace }: StandingSandbox): LimitName[] {
  return [base, workspace].flatMap((folder): LimitName[] => {
    const { bavail, ffree } = statfsSync(folder);
    return [...(bavail === 0 ? (["disk"] as const) : []), ...(ffree === 0 ? (["files"] as const) : [])];
  });
}

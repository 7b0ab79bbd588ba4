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
    const { hit, isPast } = cgroup ? counted(sandbox, limits, cgroup) : measured(sandbox, limits);
    for (const name of [...fullFolders(sandbox), ...hit]) hits.add(name);
    if (isPast) sandbox.kill();
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

interface Look {
  readonly hit: readonly LimitName[];
  /** Something is past its limit, and no kernel keeps it from going on. */
  readonly isPast: boolean;
}

function counted({ init }: StandingSandbox, limits: SandboxLimits, cgroup: RunCgroup): Look {
  const cpuMs = cgroup.cpuMs() ?? measureTree(init).cpuMs;
  const isPast = cpuMs > limits.cpuMs;
  return { hit: [...cgroup.hits(), ...(isPast ? (["cpu"] as const) : [])], isPast };
}

function measured({ init }: StandingSandbox, limits: SandboxLimits): Look {
  const { processes, cpuMs, memoryBytes } = measureTree(init);
  const hit: LimitName[] = [];
  if (memoryBytes > limits.memoryBytes && sharedMemoryBytes(init) > limits.memoryBytes) hit.push("memory");
  if (cpuMs > limits.cpuMs) hit.push("cpu");
  // Linux refuses the next one silently; with a limit of one every program would seem to want more.
  const isFull = processes >= limits.processes && limits.processes > 1;
  // gVisor refuses none.
  const isOver = processes > limits.processes;
  if (isFull || isOver) hit.push("processes");
  return { hit, isPast: isOver || hit.includes("memory") || hit.includes("cpu") };
}

/** A folder without a free page or a free inode is one in which writing has failed, or is about to. */
function fullFolders({ base, workspace }: StandingSandbox): LimitName[] {
  return [base, workspace].flatMap((folder): LimitName[] => {
    const { bavail, ffree } = statfsSync(folder);
    return [...(bavail === 0 ? (["disk"] as const) : []), ...(ffree === 0 ? (["files"] as const) : [])];
  });
}

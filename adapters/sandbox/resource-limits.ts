import type { SandboxLimits } from "../../ports/sandbox.js";
import type { Kernel } from "./kernel.js";

/**
 * Processes of the sandbox itself: bubblewrap outside, and the one inside that waits for the code. Where the worker is no
 * root its user also has the launcher's, in the same namespace.
 */
export const OWN_PROCESSES = 2;
const LAUNCHER_PROCESSES = 1;

const OPEN_FILES = 1024;
/** At this value the kernel hands a dump neither to a file nor to the host's crash handler; at 0 the latter gets it. */
const CORE_BYTES = 1;
const LOCKED_BYTES = 64 * 1024;
/** Node reserves memory for threads and compiled code that it never touches. */
const NODE_RESERVES_BYTES = 1024 * 1024 * 1024;
/** Where a cgroup counts processes, it is the one to refuse the next, because it says that it did. */
const CGROUP_FIRST = 16;
/**
 * Where all that a user has is counted, sandboxes beside this one come and go. Who looks at its processes from outside ends
 * it at its own limit; this holds what comes between two looks.
 */
const ROOM_FOR_OTHERS = 256;
/** In seconds. The worker's own count comes first; this is for when the worker hangs. */
const CPU_GRACE = 2;

/** Hard limits of this process: no child may have more, unless root starts it. */
export type HardLimits = Readonly<Record<string, number>>;

/** Names of prlimit(1) by the rows of /proc/PID/limits. */
const ROWS: Readonly<Record<string, string>> = {
  "Max core file size": "core",
  "Max open files": "nofile",
  "Max file size": "fsize",
  "Max processes": "nproc",
  "Max cpu time": "cpu",
  "Max locked memory": "memlock",
  "Max msgqueue size": "msgqueue",
  "Max data size": "data",
};

/** Reads /proc/PID/limits. */
export function readHardLimits(text: string): HardLimits {
  const rows = text.split("\n").flatMap((line) => {
    const name = ROWS[line.slice(0, 26).trim()];
    const hard = line.slice(26).trim().split(/\s+/)[1];
    return name === undefined || hard === undefined ? [] : [[name, hard === "unlimited" ? Infinity : Number(hard)]];
  });
  return Object.fromEntries(rows);
}

/** What holds limits beside those of a process. */
interface Holders {
  readonly kernel: Kernel;
  /** A cgroup counts memory and processes, so that the limits of one process need not stand for it. */
  readonly hasCgroup: boolean;
  /** Processes and threads that the code's user has besides, where the kernel counts them in: gVisor, and a user that is the worker's. */
  readonly usersTasks: number;
}

/**
 * Arguments of prlimit(1): limits that the kernel holds for each process (and, for `nproc`, for the user).
 */
export function resourceLimits(
  limits: SandboxLimits,
  hard: HardLimits,
  { hasCgroup, kernel, usersTasks }: Holders,
): string[] {
  const others = usersTasks === 0 ? 0 : usersTasks + ROOM_FOR_OTHERS;
  const wanted: Readonly<Record<string, number>> = {
    core: CORE_BYTES,
    nofile: OPEN_FILES,
    fsize: limits.diskBytes,
    nproc: limits.processes + OWN_PROCESSES + (hasCgroup ? CGROUP_FIRST : LAUNCHER_PROCESSES) + others,
    cpu: Math.ceil(limits.cpuMs / 1_000) + CPU_GRACE,
    memlock: LOCKED_BYTES,
    // gVisor lets nobody set it; the filter refuses the queues.
    ...(kernel === "gvisor" ? {} : { msgqueue: 0 }),
    ...(hasCgroup ? {} : { data: limits.memoryBytes + NODE_RESERVES_BYTES }),
  };
  return Object.entries(wanted).map(([name, value]) => {
    const most = Math.min(value, hard[name] ?? Infinity);
    return `--${name}=${most}:${most}`;
  });
}

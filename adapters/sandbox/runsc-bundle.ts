import type { SandboxLimits } from "../../ports/sandbox.js";
import { commandOf, environment } from "./command.js";
import type { SandboxHost } from "./host.js";
import { IN_BASE } from "./launch-script.js";
import { NONE_REFUSED, RUNSC } from "./runsc-launch.js";
import { guestSeccomp } from "./runsc-seccomp.js";
import type { Shape } from "./shape.js";

/** Whom the code is, and whose the workspace is: nobody else sees the file systems that it is in. */
export const GUEST_UID = 1_000;

const OPEN_FILES = 1_024;
const LOCKED_BYTES = 64 * 1024;
/** In seconds: the worker's own count comes first. */
const CPU_GRACE = 2;
/** Of the first process, which gives them up with its user. */
const OWN_RIGHTS = ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"];
/** The first process. */
const OWN_PROCESSES = 1;

/**
 * The OCI bundle's `config.json` for one execution (https://github.com/opencontainers/runtime-spec). What is not in its
 * root or mounted here does not exist inside; the kernel inside is gVisor's own.
 */
export function bundleConfig(host: SandboxHost, shape: Shape): object {
  const { limits } = shape;
  const { argv, stdin } = commandOf(host, shape);
  const writable = ["nosuid", "nodev", "rw", "rbind"];
  const bind = (destination: string, name: string, options: readonly string[] = writable) => {
    return { destination, type: "bind", source: `${host.base}/${name}`, options };
  };
  return {
    ociVersion: "1.0.0",
    hostname: "sandbox",
    root: { path: `${host.base}/${RUNSC.root}`, readonly: true },
    process: {
      // The first process is root of its own kernel, to set the code's limits and become its user; the code can't reach it.
      user: { uid: 0, gid: 0 },
      args: ["/bin/sh", "-c", firstScript(limits), stdin, ...argv],
      env: Object.entries(environment(host, shape)).map(([name, value]) => `${name}=${value}`),
      cwd: "/workspace",
      noNewPrivileges: true,
      capabilities: {
        bounding: OWN_RIGHTS,
        effective: OWN_RIGHTS,
        inheritable: [],
        permitted: OWN_RIGHTS,
        ambient: [],
      },
      rlimits: [
        { type: "RLIMIT_NOFILE", soft: OPEN_FILES, hard: OPEN_FILES },
        { type: "RLIMIT_FSIZE", soft: limits.diskBytes, hard: limits.diskBytes },
        ...[
          ["RLIMIT_CORE", 0],
          ["RLIMIT_CPU", Math.ceil(limits.cpuMs / 1_000) + CPU_GRACE],
          ["RLIMIT_NPROC", limits.processes],
          ["RLIMIT_MEMLOCK", LOCKED_BYTES],
          ["RLIMIT_MSGQUEUE", 0],
        ].map(([type, value]) => ({ type, soft: value, hard: value })),
      ],
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["ro"] },
      { destination: "/dev", type: "tmpfs", source: "tmpfs" },
      { destination: "/sys", type: "tmpfs", source: "tmpfs", options: ["mode=0700"] },
      { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup" },
      bind("/sys/told", RUNSC.told),
      bind("/code", IN_BASE.code, ["ro", "nosuid", "nodev", "rbind"]),
      bind("/workspace", IN_BASE.workspace),
      bind("/tmp", IN_BASE.temporary),
      bind("/dev/shm", IN_BASE.sharedMemory),
    ],
    linux: {
      seccomp: guestSeccomp(),
      namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })),
    },
  };
}

/**
 * Waits for the worker's word. Counts processes and threads where gVisor does (on the host they are none), then runs the command as the code's user, and
 * tells of what was refused. In brackets, so that what this shell has to say about the command's end does not go where the command prints.
 */
function firstScript({ processes }: SandboxLimits): string {
  const user = `--reuid=${GUEST_UID} --regid=${GUEST_UID} --clear-groups --bounding-set=-all --inh-caps=-all`;
  return [
    "groups=/sys/fs/cgroup",
    "mkdir $groups/all && echo $$ >$groups/all/cgroup.procs && echo +pids >$groups/cgroup.subtree_control || exit 125",
    `echo ${processes + OWN_PROCESSES} >$groups/all/pids.max || exit 125`,
    // The code may come later than its sandbox.
    `read -r word || exit 125`,
    `[ "$word" = go ] || exit 125`,
    "exec 3>&1 4>&2 </dev/null >/dev/null 2>&1",
    `(exec setpriv ${user} -- "$@" <"$0" >&3 2>&4 3>&- 4>&-)`,
    "status=$?",
    "read -r _ refused <$groups/all/pids.events",
    `[ "$refused" -eq 0 ] || rm /sys/told/${NONE_REFUSED}`,
    "exit $status",
  ].join("\n");
}

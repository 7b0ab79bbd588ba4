import type { SandboxLimits } from "../../ports/sandbox.js";
import type { Relocation, SandboxHost } from "./host.js";
import type { Kernel } from "./kernel.js";
import { tasksOfUser } from "./processes.js";
import { resourceLimits } from "./resource-limits.js";
import { diskBytesOf } from "./workspace-size.js";

/** Names in the launcher's folder. */
export const IN_BASE = {
  workspace: "workspace",
  code: "code",
  temporary: "tmp",
  sharedMemory: "shm",
  stdout: "stdout",
  stderr: "stderr",
  /** A pipe for the word to go, where what waits for it has no descriptor of the worker's. */
  word: "word",
} as const;

/** Descriptors of the launcher. */
export const DESCRIPTORS = { log: 2, control: 3, filter: 4, stdout: 6, stderr: 7, word: 8 } as const;

/** Inodes of the temporary folder besides what code may make: its own folders, pipes and small files. */
const OWN_INODES = 28;
/** Likewise in bytes, besides the code. */
const OWN_BYTES = 64 * 1024;

export interface Launch {
  readonly host: SandboxHost;
  readonly limits: SandboxLimits;
  /** What room the code itself needs beside what it may write. */
  readonly codeBytes: number;
  /** The uid and gid that code gets; undefined where it is the worker's. */
  readonly uid: number | undefined;
  /** Files to join its cgroup by; empty where there is none. */
  readonly joinFiles: readonly string[];
}

/**
 * The launcher's first program and its arguments. A namespace of processes surrounds all the others, and its first
 * process, the keeper, becomes bubblewrap: whoever of the chain dies first, the worker included, the kernel ends the
 * rest, at any moment of the set-up. Root makes a mount namespace besides, anybody else a user namespace in which it may.
 */
export function launcher({ identity, kernel }: SandboxHost): readonly string[] {
  const network = bringsLoopbackUp(kernel) ? ["--net"] : [];
  const namespaces = ["--mount", "--pid", ...network, "--fork", "--mount-proc", "--kill-child=KILL"];
  const user = identity.kind === "fresh" ? [] : ["--user", "--map-root-user"];
  return ["setpriv", "--pdeathsig", "KILL", "unshare", ...user, ...namespaces, "/bin/sh", "-c"];
}

/** A new network of gVisor's has its loopback up, and refuses to have bubblewrap do it; so the launcher makes it. */
export function bringsLoopbackUp(kernel: Kernel): boolean {
  return kernel === "gvisor";
}

/**
 * What the keeper does before it becomes bubblewrap. The writable folders are file systems in memory with limits on
 * bytes and inodes: they are there as long as a process or the worker's open folder keeps them, so nothing is left
 * behind whoever dies. Its arguments are bubblewrap's.
 */
export function launchScript(launch: Launch): string {
  const { host, limits, uid, joinFiles } = launch;
  const { kernel } = host;
  const usersTasks = kernel === "gvisor" && uid === undefined ? tasksOfUser() : 0;
  const holders = { kernel, hasCgroup: joinFiles.length > 0, usersTasks };
  const rlimits = resourceLimits(limits, host.hardLimits, holders);
  return [
    ...folders(launch),
    `exec prlimit ${rlimits.join(" ")} setpriv ${privileges(uid).join(" ")} ${quoted(host.program)} "$@"`,
  ].join("\n");
}

/** Joins the cgroup, makes the folders and the pipes that the code prints into. */
export function folders(launch: Launch): readonly string[] {
  const { host, limits, uid, joinFiles } = launch;
  const at = (name: string) => quoted(`${host.base}/${name}`);
  const { workspace, code, temporary, sharedMemory, stdout, stderr } = IN_BASE;
  return [
    "set -e",
    "umask 022",
    ...joinFiles.map((file) => `echo 0 >${quoted(file)}`),
    mountTmpfs(quoted(host.base), {
      bytes: limits.diskBytes + OWN_BYTES + diskBytesOf(launch.codeBytes),
      inodes: limits.files + OWN_INODES,
      options: "mode=0755",
    }),
    `mkdir ${at(workspace)} ${at(code)}`,
    `mkdir -m 1777 ${at(temporary)} ${at(sharedMemory)}`,
    mountTmpfs(at(workspace), {
      bytes: limits.diskBytes,
      // The folder itself is one.
      inodes: limits.files + 1,
      options: `mode=0700${uid === undefined ? "" : `,uid=${uid},gid=${uid}`}`,
    }),
    `mkfifo -m 666 ${at(stdout)} ${at(stderr)}`,
    ...Object.entries(smallFiles()).map(([name, text]) => `echo ${quoted(text)} >${at(name)}`),
    ...host.relocations.map((relocation) => bindMount(relocation, host.base)),
    `exec ${DESCRIPTORS.stdout}<>${at(stdout)} ${DESCRIPTORS.stderr}<>${at(stderr)}`,
  ];
}

/**
 * Process 1 of the sandbox: tells the worker that the sandbox stands, waits for its word (the end of a dead worker's pipe
 * ends it too), and then for the code. When it ends the kernel kills whoever is left. Its arguments are the command.
 */
export function waitScript(stdin: string): string {
  const { control, stdout, stderr } = DESCRIPTORS;
  return [
    `echo ready >&${control}`,
    `read -r word <&${control} || exit 125`,
    `[ "$word" = go ] || exit 125`,
    `exec ${control}<&- </dev/null >/dev/null 2>&1`,
    // In brackets, so that what this shell has to say about the command's end does not go where the command prints.
    `(exec "$@") <${quoted(stdin)} >&${stdout} 2>&${stderr} ${stdout}>&- ${stderr}>&-`,
    "exit $?",
  ].join("\n");
}

/** Files below /etc that programs look things up in: nothing of the host's own. */
export function smallFiles(): Readonly<Record<"passwd" | "group" | "hosts" | "nsswitch.conf", string>> {
  return {
    passwd: "sandbox:x:1000:1000:sandbox:/workspace:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false",
    group: "sandbox:x:1000:\nnogroup:x:65534:",
    hosts: "127.0.0.1 localhost sandbox\n::1 localhost",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files",
  };
}

interface Tmpfs {
  readonly bytes: number;
  readonly inodes: number;
  readonly options: string;
}

export function mountTmpfs(target: string, { bytes, inodes, options }: Tmpfs): string {
  return `mount -t tmpfs -o size=${bytes},nr_inodes=${inodes},${options},nosuid,nodev wflo ${target}`;
}

function bindMount({ source, name, isFolder }: Relocation, base: string): string {
  const target = quoted(`${base}/${name}`);
  return `${isFolder ? `mkdir ${target}` : `: >${target}`}\nmount --bind ${quoted(source)} ${target}`;
}

function privileges(uid: number | undefined): string[] {
  const drop = uid === undefined ? [] : [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--inh-caps=-all"];
  return [...drop, "--no-new-privs", "--pdeathsig", "KILL", "--"];
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

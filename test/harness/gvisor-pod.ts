import { lstat, mkdir, mkdtemp, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../workers/tool-finder.js";
import { startProcess } from "./processes.js";

/** As `deploy/kubernetes/sandbox-worker.yaml` says it. */
const POD_USER = 10_001;

const PROJECT = "/opt/project";
const BUBBLEWRAP = "/opt/bubblewrap";
/** Folders in memory, and what the kernel makes. */
const OWN_FOLDERS = ["/tmp", "/proc", "/dev", "/sys", "/mnt"];
/** Folders of the host that programs are in; those that are links into /usr stay that. */
const SYSTEM_FOLDERS = ["/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64"];

/** What gVisor mounts for itself goes with it, and so does all of it with this process. */
const OWN_NAMESPACES = ["--mount", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"];

export interface PodProgram {
  readonly runsc: string;
  /** The folder with bubblewrap and its libraries, and the program in it. */
  readonly bubblewrap: { readonly folder: string; readonly path: string };
  /** Of Node, in the project's folder. */
  readonly args: readonly string[];
}

/**
 * Runs a program of this project in a container as a node with gVisor would run the sandbox worker's: an ordinary user, no
 * capability, no way to more rights, a root that can't be written, `/tmp` in memory; no network but its own loopback.
 * `WFLO_POD_BUBBLEWRAP` says where bubblewrap is inside.
 * @returns what it printed on both streams
 */
export async function runInPod({ runsc, bubblewrap, args }: PodProgram): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "wflo-pod-"));
  try {
    const [root, state] = [join(folder, "root"), join(folder, "state")];
    await mkdir(state);
    const binds = [
      ...(await systemBinds(root)),
      { source: packageRoot(), destination: PROJECT },
      { source: bubblewrap.folder, destination: BUBBLEWRAP },
    ];
    for (const path of [...OWN_FOLDERS, ...binds.map(({ destination }) => destination)]) {
      await mkdir(join(root, path), { recursive: true });
    }
    const inside = { WFLO_POD_BUBBLEWRAP: bubblewrap.path.replace(bubblewrap.folder, BUBBLEWRAP) };
    await writeFile(join(folder, "config.json"), JSON.stringify(configOf(root, { binds, args, environment: inside })));
    const flags = ["--platform=systrap", "--network=none", "--ignore-cgroups", "--overlay2=none"];
    const pod = await startProcess({
      command: "unshare",
      args: [...OWN_NAMESPACES, runsc, `--root=${state}`, ...flags, "run", "--bundle", folder, `pod-${process.pid}`],
    });
    await pod.ended;
    return pod.output();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Bind {
  readonly source: string;
  readonly destination: string;
}

async function systemBinds(root: string): Promise<Bind[]> {
  await mkdir(root);
  const binds: Bind[] = [];
  for (const path of SYSTEM_FOLDERS) {
    const found = await lstat(path).catch(() => undefined);
    if (found?.isSymbolicLink()) await symlink(await readlink(path), join(root, path));
    else if (found) binds.push({ source: path, destination: path });
  }
  return binds;
}

interface Inside {
  readonly binds: readonly Bind[];
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** https://github.com/opencontainers/runtime-spec */
function configOf(root: string, { binds, args, environment }: Inside): object {
  const node = process.execPath.replace(packageRoot(), PROJECT);
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/tmp", ...environment };
  const none = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };
  return {
    ociVersion: "1.0.0",
    hostname: "pod",
    root: { path: root, readonly: true },
    process: {
      user: { uid: POD_USER, gid: POD_USER },
      args: [node, ...args],
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      cwd: PROJECT,
      noNewPrivileges: true,
      capabilities: none,
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs" },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["ro"] },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=1777"] },
      ...binds.map((bind) => ({ ...bind, type: "bind", options: ["ro", "rbind"] })),
    ],
    linux: { namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })) },
  };
}

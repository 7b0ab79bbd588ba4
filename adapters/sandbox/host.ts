import { existsSync, readFileSync } from "node:fs";
import { lstat, readlink, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { arch } from "node:process";
import { SandboxUnavailable } from "../../ports/sandbox.js";
import { type Cgroups, openCgroups } from "./cgroups.js";
import { type Identity, identityOfHost } from "./identity.js";
import { type Kernel, kernelHere } from "./kernel.js";
import { findPython, isFolder, isProgram, OWN_FOLDER, ownLibraries, reachableByAnybody } from "./programs.js";
import { type HardLimits, readHardLimits } from "./resource-limits.js";
import type { Processor } from "./seccomp.js";

/** Something of the host that the sandbox may read. */
export interface ReadOnlyBind {
  readonly source: string;
  readonly target: string;
}

/** Shown to a user that can't reach it where it is: bound by root to a name in the launcher's private folder. */
export interface Relocation {
  readonly source: string;
  readonly name: string;
  readonly isFolder: boolean;
}

/** What a host gives to its sandboxes; looked up once. */
export interface SandboxHost {
  readonly processor: Processor;
  readonly kernel: Kernel;
  readonly identity: Identity;
  readonly cgroups: Cgroups | undefined;
  /** An empty folder of the host that the launcher covers in its own mount namespace. */
  readonly base: string;
  /** What isolates: bubblewrap or runsc. */
  readonly program: string;
  readonly libraryPath: string | undefined;
  readonly relocations: readonly Relocation[];
  readonly binds: readonly ReadOnlyBind[];
  /** Links of a merged /usr: `/bin` to `usr/bin`. */
  readonly links: readonly { readonly path: string; readonly to: string }[];
  /** Files of /proc that are not shown. */
  readonly hidden: readonly string[];
  /** Paths inside; undefined where the host has no such interpreter. */
  readonly interpreters: { readonly python: string | undefined; readonly javascript: string; readonly shell: string };
  readonly searchPath: string;
  /** PATH of the launcher's own programs. */
  readonly launcherPath: string;
  readonly hardLimits: HardLimits;
}

export interface SandboxPrograms {
  /** `bwrap` or `runsc`. */
  readonly programPath: string;
  /** Node for `javascript`. @default the one that runs this */
  readonly nodePath?: string;
  /** Python 3 for `python`. @default /usr/bin/python3, where there is none the first on the PATH */
  readonly pythonPath?: string;
}

/** Of /usr and beside it: programs, libraries and their data. Not /usr/src or /usr/local, where applications live. */
const SYSTEM_FOLDERS = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
const USR_FOLDERS = [...SYSTEM_FOLDERS, "libexec", "share"];
const ETC = ["/etc/alternatives", "/etc/ld.so.cache"];
/** World-readable files of /proc about the whole machine; an empty one is shown in their place. */
const HIDDEN = ["keys", "key-users", "timer_list", "kallsyms", "modules", "mdstat", "config.gz"].map(
  (name) => `/proc/${name}`,
);
const BASE_CANDIDATES = ["/mnt", "/media", "/srv", "/opt", "/home"];
const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** @throws SandboxUnavailable where this system is none that code can be isolated on */
export async function surveyHost(programs: SandboxPrograms): Promise<SandboxHost> {
  const { programPath, nodePath = process.execPath } = programs;
  if (process.platform !== "linux") {
    throw new SandboxUnavailable(`sandboxes need Linux, this is ${process.platform}; run the sandbox worker on Linux`);
  }
  if (arch !== "x64" && arch !== "arm64") {
    throw new SandboxUnavailable(`there is no system call filter for ${arch}; run the sandbox worker on x64 or arm64`);
  }
  if (!(await isProgram(programPath))) {
    const advice = "install bubblewrap (apt-get install bubblewrap) or gVisor, or let `wflo doctor` fetch bubblewrap";
    throw new SandboxUnavailable(`${programPath} is not a program that can be run; ${advice}`);
  }
  const identity = identityOfHost();
  const python = await findPython(programs.pythonPath, process.env.PATH ?? "");
  const pythonFolders = python?.folders ?? [];
  const shown = createShowcase(
    identity,
    await pickBase([programPath, nodePath, ...pythonFolders.map(({ source }) => source)]),
  );
  const libraries = await ownLibraries(programPath);
  const program = await shown.place(programPath, "program");
  const node = await shown.place(nodePath, "node");
  const pythonBinds = await Promise.all(
    pythonFolders.map(async ({ source, target }) => ({
      source: await shown.place(source, "python", true),
      target,
    })),
  );
  const system = await systemFolders();
  const kernel = kernelHere();
  if (kernel === "gvisor" && identity.kind === "own") {
    await refuseOwn([nodePath, ...[...system.binds, ...pythonFolders].map(({ source }) => source)]);
  }
  return {
    processor: arch,
    kernel,
    identity,
    // Those that gVisor shows its own root take a limit on memory, and do not hold it.
    cgroups: kernel === "gvisor" ? undefined : await openCgroups(),
    base: shown.base,
    program,
    libraryPath: program === programPath || !libraries ? undefined : await shown.place(libraries, "lib", true),
    relocations: shown.relocations,
    binds: [...system.binds, { source: node, target: `${OWN_FOLDER}/bin/node` }, ...pythonBinds],
    links: system.links,
    hidden: HIDDEN.filter((path) => existsSync(path)),
    interpreters: {
      python: python?.path,
      javascript: `${OWN_FOLDER}/bin/node`,
      shell: (await isProgram("/bin/bash")) ? "/bin/bash" : "/bin/sh",
    },
    searchPath: searchPath(pythonFolders.length > 0 ? python?.path : undefined),
    launcherPath: `${SYSTEM_PATH}:${process.env.PATH ?? ""}`,
    hardLimits: readHardLimits(readFileSync("/proc/self/limits", "utf8")),
  };
}

/**
 * gVisor lets an owner change the mode, times and length of a file through a mount that can't be written: what code is shown
 * must not belong to its user, which is the worker's here.
 * @throws SandboxUnavailable
 */
async function refuseOwn(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const { uid } = await stat(path);
    if (uid !== process.getuid?.()) continue;
    const advice = "let root own it, or run the worker as root, where each run has a user of its own";
    throw new SandboxUnavailable(`${path} is the worker's user's, and code could change it in gVisor; ${advice}`);
  }
}

/** PATH inside. @param python one that is not where the system has its programs */
function searchPath(python: string | undefined): string {
  return [`${OWN_FOLDER}/bin`, ...(python === undefined ? [] : [dirname(python)]), "/usr/bin", "/bin"].join(":");
}

/** Places what lies in folders that are closed to others where a user of its own can get at it. */
function createShowcase(identity: Identity, base: string) {
  const relocations: Relocation[] = [];
  return {
    base,
    relocations,
    async place(source: string, name: string, isFolder = false): Promise<string> {
      if (identity.kind === "own" || (await reachableByAnybody(source))) return source;
      relocations.push({ source, name, isFolder });
      return `${base}/${name}`;
    },
  };
}

async function pickBase(used: readonly string[]): Promise<string> {
  for (const folder of BASE_CANDIDATES) {
    if (!used.some((path) => path.startsWith(`${folder}/`)) && (await isFolder(folder))) return folder;
  }
  throw new SandboxUnavailable(`none of ${BASE_CANDIDATES.join(", ")} is a folder that is free to mount on; make /mnt`);
}

async function systemFolders() {
  const binds: ReadOnlyBind[] = [];
  const links: { path: string; to: string }[] = [];
  const bind = async (path: string) => {
    const found = await lstat(path).catch(() => undefined);
    if (found?.isSymbolicLink()) links.push({ path, to: await readlink(path) });
    else if (found) binds.push({ source: path, target: path });
  };
  for (const name of USR_FOLDERS) await bind(`/usr/${name}`);
  for (const name of SYSTEM_FOLDERS) await bind(`/${name}`);
  for (const path of ETC) await bind(path);
  return { binds, links };
}

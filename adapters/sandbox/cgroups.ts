import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type CgroupFolder, cgroupPlaces } from "./cgroup-mounts.js";

const run = promisify(execFile);

export interface CgroupLimits {
  readonly memoryBytes: number;
  /** Processes and threads, those of the sandbox itself included. */
  readonly processes: number;
}

/** The group of one execution: hard limits, counted by the kernel. */
export interface RunCgroup {
  /** Files that a process writes its number to, in order to join; what it starts is in too. */
  readonly joinFiles: readonly string[];
  /** CPU time of all that was ever in it, in milliseconds; undefined where this host does not count it. */
  cpuMs(): number | undefined;
  /** The limits that were hit so far. */
  hits(): readonly ("memory" | "processes")[];
  /** Once everybody in it is dead. */
  remove(): Promise<void>;
}

export interface Cgroups {
  readonly version: 1 | 2;
  create(limits: CgroupLimits): Promise<RunCgroup>;
}

const NAME = /^wflo-(\d+)-[0-9a-f]+$/;
/** A process that was just killed is in its group until its parent has heard of it. */
const REMOVE_TRIES = 12;

/**
 * Groups below the place of this process. Undefined where the host lets this process make none with hard limits on
 * memory and processes (no root, no delegation, a read-only cgroup file system).
 */
export async function openCgroups(): Promise<Cgroups | undefined> {
  const places = cgroupPlaces(
    readFileSync("/proc/self/mountinfo", "utf8"),
    readFileSync("/proc/self/cgroup", "utf8"),
    (folder) => wordsOf(join(folder, "cgroup.controllers")),
  );
  if (!places.memory || !places.pids) return undefined;
  const candidates =
    places.memory.version === 2 ? ancestors(places.memory) : [[places.memory, places.pids, places.cpu]];
  for (const candidate of candidates) {
    const folders = [...new Map(candidate.flatMap((folder) => (folder ? [[folder.path, folder]] : []))).values()];
    const cgroups = createCgroups(folders);
    if (await canLimit(cgroups, folders)) return cgroups;
  }
  return undefined;
}

/** In version 2 processes and controllers exclude each other in one group, so the group to be a child of is further up. */
function ancestors(own: CgroupFolder): CgroupFolder[][] {
  const found: CgroupFolder[][] = [];
  for (let path = own.path; existsSync(join(path, "cgroup.procs")); path = dirname(path))
    found.push([{ version: 2, path }]);
  return found;
}

function createCgroups(parents: readonly CgroupFolder[]): Cgroups {
  return {
    version: parents[0]?.version ?? 1,
    async create(limits) {
      const name = `wflo-${process.pid}-${randomBytes(6).toString("hex")}`;
      const folders = parents.map(({ path }) => join(path, name));
      try {
        for (const folder of folders) await mkdir(folder);
        // One after the other: the limit on memory with swap may not be below the one on memory.
        for (const { file, value } of settings(folders, limits)) await writeFile(file, value);
      } catch (error) {
        await removeAll(folders);
        throw error;
      }
      return createRunCgroup(folders);
    },
  };
}

function settings(folders: readonly string[], limits: CgroupLimits) {
  const wanted: readonly (readonly [name: string, value: number])[] = [
    ["memory.max", limits.memoryBytes],
    ["memory.swap.max", 0],
    ["memory.limit_in_bytes", limits.memoryBytes],
    ["memory.memsw.limit_in_bytes", limits.memoryBytes],
    ["pids.max", limits.processes],
  ];
  return folders.flatMap((folder) =>
    wanted
      .map(([name, value]) => ({ file: join(folder, name), value: String(value) }))
      .filter(({ file }) => existsSync(file)),
  );
}

function createRunCgroup(folders: readonly string[]): RunCgroup {
  const read = (name: string) => folders.map((folder) => textOf(join(folder, name))).find((text) => text !== "") ?? "";
  const counter = (name: string, key: string) => Number(new RegExp(`^${key} (\\d+)`, "m").exec(read(name))?.[1] ?? 0);
  return {
    joinFiles: folders.map((folder) => join(folder, "cgroup.procs")),
    cpuMs() {
      const usageNs = read("cpuacct.usage");
      if (usageNs !== "") return Number(usageNs) / 1_000_000;
      return read("cpu.stat") === "" ? undefined : counter("cpu.stat", "usage_usec") / 1_000;
    },
    hits() {
      const killed = counter("memory.events", "oom_kill") + counter("memory.oom_control", "oom_kill");
      return [
        ...(killed > 0 ? (["memory"] as const) : []),
        ...(counter("pids.events", "max") > 0 ? (["processes"] as const) : []),
      ];
    },
    remove: async () => await removeAll(folders),
  };
}

async function removeAll(folders: readonly string[]): Promise<void> {
  await Promise.all(folders.map(removeGroup));
}

async function removeGroup(folder: string): Promise<void> {
  for (let tries = 0; tries < REMOVE_TRIES && existsSync(folder); tries += 1) {
    const isGone = await rmdir(folder).then(
      () => true,
      () => false,
    );
    if (!isGone) await new Promise((resolve) => setTimeout(resolve, 2 ** tries));
  }
}

/** Makes a group, joins it with a process and removes it again; first clears away what dead workers left. */
async function canLimit(cgroups: Cgroups, parents: readonly CgroupFolder[]): Promise<boolean> {
  try {
    for (const { version, path } of parents) {
      if (version === 2) await enableControllers(path);
      await sweep(path);
    }
    const group = await cgroups.create({ memoryBytes: 64 * 1024 * 1024, processes: 8 });
    try {
      const joined = group.joinFiles.map((file) => `echo $$ >'${file}'`).join(" && ");
      await run("/bin/sh", ["-c", `${joined} && exec /bin/sh -c :`]);
      return parents.some(({ version }) => version === 1) || settingsAreThere(group);
    } finally {
      await group.remove();
    }
  } catch {
    return false;
  }
}

function settingsAreThere(group: RunCgroup): boolean {
  const [joinFile = ""] = group.joinFiles;
  return ["memory.max", "pids.max"].every((name) => existsSync(join(dirname(joinFile), name)));
}

async function enableControllers(path: string): Promise<void> {
  const enabled = wordsOf(join(path, "cgroup.subtree_control"));
  const missing = ["memory", "pids"].filter((name) => !enabled.includes(name));
  if (missing.length > 0)
    await writeFile(join(path, "cgroup.subtree_control"), missing.map((name) => `+${name}`).join(" "));
}

async function sweep(path: string): Promise<void> {
  const left = (await readdir(path)).filter((name) => {
    const owner = NAME.exec(name)?.[1];
    return owner !== undefined && !existsSync(`/proc/${owner}`);
  });
  await Promise.all(left.map(async (name) => await rmdir(join(path, name)).catch(() => undefined)));
}

function wordsOf(file: string): string[] {
  return textOf(file).trim().split(/\s+/);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}

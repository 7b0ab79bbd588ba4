/** A folder of the cgroup file system in which groups can be made, if the host lets us. */
export interface CgroupFolder {
  readonly version: 1 | 2;
  readonly path: string;
}

/** Where this process is in the hierarchies that limits need. */
export interface CgroupPlaces {
  readonly memory?: CgroupFolder;
  readonly pids?: CgroupFolder;
  /** CPU time; version 1 has a hierarchy of its own for it. */
  readonly cpu?: CgroupFolder;
}

/**
 * Reads /proc/self/mountinfo and /proc/self/cgroup. Version 2 goes first where it has the memory controller; a hybrid
 * host has that in version 1.
 * @param controllersOf the controllers that a folder of version 2 has (its `cgroup.controllers`)
 */
export function cgroupPlaces(
  mountinfo: string,
  memberships: string,
  controllersOf: (folder: string) => readonly string[],
): CgroupPlaces {
  const mounts = mountinfo.split("\n").flatMap(readMount);
  const paths = new Map(memberships.split("\n").flatMap(readMembership));
  const unified = placeOf(
    mounts.find((mount) => mount.type === "cgroup2"),
    paths.get(""),
    2,
  );
  if (unified && ["memory", "pids"].every((name) => controllersOf(unified.path).includes(name))) {
    return { memory: unified, pids: unified, cpu: unified };
  }
  const legacy = (controller: string) => {
    const mount = mounts.find(({ type, options }) => type === "cgroup" && options.includes(controller));
    return placeOf(mount, paths.get(controller), 1);
  };
  const [memory, pids, cpu] = [legacy("memory"), legacy("pids"), legacy("cpuacct")];
  return { ...(memory ? { memory } : {}), ...(pids ? { pids } : {}), ...(cpu ? { cpu } : {}) };
}

interface Mount {
  readonly type: string;
  readonly root: string;
  readonly point: string;
  readonly options: readonly string[];
}

/** `36 35 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory` */
function readMount(line: string): Mount[] {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root, point] = before.split(" ");
  const [type, , options = ""] = after.split(" ");
  if (root === undefined || point === undefined || (type !== "cgroup" && type !== "cgroup2")) return [];
  return [{ type, root, point, options: options.split(",") }];
}

/** `4:memory:/user.slice` and, for version 2, `0::/user.slice`. */
function readMembership(line: string): [controller: string, path: string][] {
  const [, controllers, ...path] = line.split(":");
  if (controllers === undefined || path.length === 0) return [];
  return controllers.split(",").map((controller) => [controller, path.join(":")]);
}

function placeOf(mount: Mount | undefined, path: string | undefined, version: 1 | 2): CgroupFolder | undefined {
  if (!mount || path === undefined || path.includes("/..")) return undefined;
  // A container sees its own group as the mount's root, while the membership may name it from the host's.
  const below = mount.root !== "/" && `${path}/`.startsWith(`${mount.root}/`) ? path.slice(mount.root.length) : path;
  return { version, path: `${mount.point}${below}`.replace(/\/+$/, "") };
}

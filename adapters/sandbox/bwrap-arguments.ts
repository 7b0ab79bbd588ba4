import { commandOf, environment } from "./command.js";
import type { SandboxHost } from "./host.js";
import { bringsLoopbackUp, DESCRIPTORS, IN_BASE, smallFiles, waitScript } from "./launch-script.js";
import type { Shape } from "./shape.js";

/**
 * Arguments of bwrap for one execution. Everything that is mounted is listed here; what is not listed does not exist
 * inside.
 */
export function bwrapArguments(host: SandboxHost, shape: Shape): string[] {
  const command = commandOf(host, shape);
  const inBase = (name: string) => `${host.base}/${name}`;
  return [
    ...["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"],
    ...(bringsLoopbackUp(host.kernel) ? [] : ["--unshare-net"]),
    ...["--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--cap-drop", "ALL"],
    ...["--new-session", "--die-with-parent", "--as-pid-1"],
    ...["--seccomp", String(DESCRIPTORS.filter)],
    ...host.binds.flatMap(({ source, target }) => ["--ro-bind", source, target]),
    ...host.links.flatMap(({ path, to }) => ["--symlink", to, path]),
    ...Object.keys(smallFiles()).flatMap((name) => ["--ro-bind", inBase(name), `/etc/${name}`]),
    ...["--proc", "/proc", ...host.hidden.flatMap((path) => ["--ro-bind", "/dev/null", path]), "--remount-ro", "/proc"],
    ...["--dev", "/dev", "--bind", inBase(IN_BASE.sharedMemory), "/dev/shm", "--remount-ro", "/dev"],
    ...["--bind", inBase(IN_BASE.temporary), "/tmp", "--symlink", "/tmp", "/var/tmp"],
    ...["--ro-bind", inBase(IN_BASE.code), "/code", "--bind", inBase(IN_BASE.workspace), "/workspace"],
    ...["--remount-ro", "/", "--chdir", "/workspace", "--clearenv"],
    ...Object.entries(environment(host, shape)).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--", "/bin/sh", "-c", waitScript(command.stdin), "sandbox", ...command.argv],
  ];
}

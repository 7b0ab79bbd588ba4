import type { SandboxLanguage, SandboxLimits } from "../../ports/sandbox.js";
import type { SandboxHost } from "./host.js";
import { DESCRIPTORS, IN_BASE, smallFiles, waitScript } from "./launch-script.js";

/** Where the code lies inside. */
const CODE_FILES: Readonly<Record<SandboxLanguage, string>> = {
  python: "main.py",
  javascript: "main.js",
  shell: "main.sh",
};

/** Node's heap ends this far below the memory limit, so that its own message comes before the kernel's kill. */
const NODE_OVERHEAD_MIB = 128;
const LEAST_NODE_HEAP_MIB = 64;

export function codeFileName(language: SandboxLanguage): string {
  return CODE_FILES[language];
}

/**
 * Arguments of bwrap for one execution. Everything that is mounted is listed here; what is not listed does not exist
 * inside.
 */
export function bwrapArguments(host: SandboxHost, language: SandboxLanguage, limits: SandboxLimits): string[] {
  const command = commandOf(host, language, limits);
  const inBase = (name: string) => `${host.base}/${name}`;
  return [
    ...["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"],
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
    ...Object.entries(environment(host)).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--", "/bin/sh", "-c", waitScript(command.stdin), "sandbox", ...command.argv],
  ];
}

/** The whole environment of the code. */
export function environment(host: SandboxHost): Readonly<Record<string, string>> {
  return {
    PATH: host.searchPath,
    HOME: "/workspace",
    USER: "sandbox",
    LANG: "C.UTF-8",
    TZ: "UTC",
    TMPDIR: "/tmp",
    TERM: "dumb",
    // Modules of the workspace, as if the code lay there; and no compiled files among the run's own.
    PYTHONPATH: "/workspace",
    PYTHONDONTWRITEBYTECODE: "1",
  };
}

export function commandOf(host: SandboxHost, language: SandboxLanguage, limits: SandboxLimits) {
  const file = `/code/${CODE_FILES[language]}`;
  const nothing = "/dev/null";
  switch (language) {
    case "python":
      return { argv: [host.interpreters.python ?? "python3", file], stdin: nothing };
    case "javascript": {
      // From standard input, so that `require` and `import` start at /workspace, and both kinds of module are known by their text.
      const heapMib = Math.max(LEAST_NODE_HEAP_MIB, Math.floor(limits.memoryBytes / 2 ** 20) - NODE_OVERHEAD_MIB);
      return { argv: [host.interpreters.javascript, `--max-old-space-size=${heapMib}`, "-"], stdin: file };
    }
    case "shell":
      return { argv: [host.interpreters.shell, file], stdin: nothing };
  }
}

import type { SandboxLanguage } from "../../ports/sandbox.js";
import type { SandboxHost } from "./host.js";
import { relayEnvironment, relayed } from "./relay.js";
import type { Shape } from "./shape.js";

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

/** The whole environment of the code. */
export function environment(host: SandboxHost, { hasNetwork }: Shape): Readonly<Record<string, string>> {
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
    ...(hasNetwork ? relayEnvironment() : {}),
  };
}

/** What runs inside, and what stands on its standard input. */
export function commandOf(host: SandboxHost, shape: Shape) {
  const { argv, stdin } = ownCommand(host, shape);
  return { argv: shape.hasNetwork ? relayed(host.interpreters.javascript, argv) : argv, stdin };
}

function ownCommand(host: SandboxHost, { language, limits }: Shape) {
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

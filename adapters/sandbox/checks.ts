import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DEFAULT_SANDBOX_LIMITS,
  type Sandbox,
  type SandboxCheck,
  type SandboxLanguage,
  type SandboxLimits,
  type SandboxResult,
} from "../../ports/sandbox.js";
import type { SandboxHost } from "./host.js";

/** A program that runs in a sandbox, and what its result has to show. */
interface Probe {
  readonly name: string;
  readonly language: SandboxLanguage;
  readonly code: string;
  readonly limits?: Partial<SandboxLimits>;
  /** What is said where it holds. */
  readonly detail: string;
  readonly holds: (result: SandboxResult) => boolean;
  readonly fix: string;
}

const NAMESPACES_FIX =
  "Allow user namespaces: `sysctl user.max_user_namespaces=15000`, on Debian also `kernel.unprivileged_userns_clone=1`, " +
  "on Ubuntu `kernel.apparmor_restrict_unprivileged_userns=0`; in a container run it with CAP_SYS_ADMIN and a seccomp and " +
  "AppArmor profile that let it mount (`--privileged` does). util-linux has to be there (unshare, mount, setpriv, prlimit).";
const REPORT = "Run no code on this host, and report this: it is a defect.";
const CGROUP_ADVICE =
  "for limits that the kernel counts run the worker as root, or in a cgroup that is delegated to its user (systemd: Delegate=yes)";

const WATCHED = "watched twenty times a second";

/** Live probes: each runs a real sandbox. */
export async function checkHost(
  surveyed: () => Promise<SandboxHost>,
  sandbox: Sandbox,
): Promise<readonly SandboxCheck[]> {
  let host: SandboxHost;
  try {
    host = await surveyed();
    const { durationMs } = await runProbe(sandbox, { language: "shell", code: "true" });
    const start: SandboxCheck = {
      name: "start",
      ok: true,
      detail: `${sandbox.backend}${host.kernel === "gvisor" ? " in gVisor" : ""}: a sandbox stands, and ran a program in ${durationMs} ms`,
    };
    const canary = await mkdtemp(join(tmpdir(), "wflo-canary-"));
    try {
      await writeFile(join(canary, "file"), "canary", { mode: 0o644 });
      const probes = probesFor(host, canary).map(async (probe) => await check(sandbox, probe));
      return [start, identityCheck(host, sandbox.backend), ...(await Promise.all(probes))];
    } finally {
      await rm(canary, { recursive: true });
    }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return [{ name: "start", ok: false, detail, fix: NAMESPACES_FIX }];
  }
}

function identityCheck({ identity }: SandboxHost, backend: string): SandboxCheck {
  if (backend === "gvisor") {
    return { name: "user", ok: true, detail: "code is a user of a kernel of its own, and does not call the host's" };
  }
  const detail =
    identity.kind === "fresh"
      ? "each run has a user of its own, whom nothing on this host belongs to"
      : "runs are the worker's own user in namespaces of their own; as root the worker would give each run a user of its own";
  return { name: "user", ok: true, detail };
}

function probesFor(host: SandboxHost, canary: string): Probe[] {
  return [...languageProbes(host), ...isolationProbes(canary), ...limitProbes(host)];
}

function languageProbes({ interpreters }: SandboxHost): Probe[] {
  const says = "isolated";
  const codes: Readonly<Record<SandboxLanguage, string>> = {
    python: `print("${says}")`,
    javascript: `console.log("${says}")`,
    shell: `echo ${says}`,
  };
  return (Object.keys(codes) as SandboxLanguage[]).map((language) => ({
    name: language,
    language,
    code: codes[language],
    detail: `${interpreters[language]} runs`,
    holds: ({ stdout }) => stdout === `${says}\n`,
    fix:
      language === "python"
        ? "Install Python 3 (apt-get install python3)."
        : `Install ${language} where the worker runs.`,
  }));
}

function isolationProbes(canary: string): Probe[] {
  const shell = { language: "shell", fix: REPORT } as const;
  return [
    {
      ...shell,
      name: "files",
      code: `cat '${canary}/file' /etc/shadow; echo x >/usr/bin/x; echo x >/etc/x; echo x >/x; echo x >/dev/x; true`,
      detail: "nothing of the host can be read but its programs, and nothing be written",
      holds: ({ stdout, stderr }) => stdout === "" && stderr.trim().split("\n").length === 6,
    },
    {
      ...shell,
      name: "network",
      code: "grep -c : /proc/net/dev; grep -c lo: /proc/net/dev",
      detail: "no network but the sandbox's own loopback",
      holds: ({ stdout }) => stdout === "1\n1\n",
    },
    {
      ...shell,
      name: "environment",
      code: "env | cut -d= -f1 | sort | tr '\\n' ' '",
      detail: "no variable of the worker",
      holds: ({ stdout }) =>
        stdout
          .trim()
          .split(" ")
          .every((name) => KNOWN_VARIABLES.has(name)),
    },
    {
      ...shell,
      name: "privileges",
      code: "grep -cE '^Cap(Inh|Prm|Eff|Bnd|Amb):[[:space:]]0+$|^NoNewPrivs:[[:space:]]1$' /proc/self/status",
      detail: "no capability, and no way to one",
      holds: ({ stdout }) => stdout === "6\n",
    },
    {
      ...shell,
      name: "system calls",
      code: "grep -E '^Seccomp:' /proc/self/status; unshare --user true && echo out",
      detail: "a filter refuses those that sandboxes have been left by",
      holds: ({ stdout }) => /^Seccomp:\s+2\n$/.test(stdout),
    },
  ];
}

const KNOWN_VARIABLES = new Set(
  "HOME LANG OLDPWD PATH PWD PYTHONDONTWRITEBYTECODE PYTHONPATH SHLVL TERM TMPDIR TZ USER _".split(" "),
);

function limitProbes({ cgroups, kernel }: SandboxHost): Probe[] {
  const shell = { language: "shell", fix: REPORT } as const;
  const counted = cgroups ? `counted by the kernel (cgroup version ${cgroups.version})` : undefined;
  const advice = kernel === "gvisor" ? "the limits of the pod hold for all of it" : CGROUP_ADVICE;
  const watched = (gap: string) => counted ?? `${WATCHED}; ${gap}: ${advice}`;
  return [
    {
      ...shell,
      name: "time limit",
      code: "sleep 30",
      limits: { wallMs: 200 },
      detail: "every process is dead when it is over",
      holds: ({ timedOut }) => timedOut,
    },
    {
      ...shell,
      name: "cpu limit",
      code: "while :; do :; done",
      limits: { cpuMs: 300 },
      detail: watched("processes that nobody waits for are counted only while they live"),
      holds: ({ limit }) => limit === "cpu",
    },
    {
      ...shell,
      name: "memory limit",
      code: "tail /dev/zero",
      limits: { memoryBytes: 64 * 1024 * 1024 },
      detail: watched("memory that the kernel holds for pipes and sockets is not counted"),
      holds: ({ limit }) => limit === "memory",
    },
    {
      ...shell,
      name: "process limit",
      code: "for n in 1 2 3 4 5 6 7 8 9; do sleep 0.3 & done; wait",
      limits: { processes: 6 },
      detail: counted ?? (kernel === "gvisor" ? WATCHED : "held by the kernel (RLIMIT_NPROC in a user namespace)"),
      holds: ({ limit }) => limit === "processes",
    },
    {
      ...shell,
      name: "disk limit",
      code: "head -c 5000000 /dev/zero >big",
      limits: { diskBytes: 1024 * 1024 },
      detail: "the workspace is a file system in memory with a size",
      holds: ({ limit }) => limit === "disk",
    },
  ];
}

async function check(sandbox: Sandbox, probe: Probe): Promise<SandboxCheck> {
  const { name, detail, fix } = probe;
  try {
    const result = await runProbe(sandbox, probe);
    if (probe.holds(result)) return { name, ok: true, detail };
    const { exitCode, stdout, stderr, limit } = result;
    const seen = JSON.stringify({ exitCode, stdout, stderr: stderr.slice(0, 400), ...(limit ? { limit } : {}) });
    return { name, ok: false, detail: `it does not hold: ${seen}`, fix };
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error), fix };
  }
}

async function runProbe(
  sandbox: Sandbox,
  { language, code, limits = {} }: Pick<Probe, "language" | "code" | "limits">,
): Promise<SandboxResult> {
  const request = { language, code, files: [], limits: { ...DEFAULT_SANDBOX_LIMITS, wallMs: 15_000, ...limits } };
  return await sandbox.run(request, { signal: AbortSignal.timeout(60_000) });
}

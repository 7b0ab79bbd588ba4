import { once } from "node:events";
import { existsSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { createBubblewrapSandbox } from "../../../adapters/sandbox/bubblewrap.js";
import { createGvisorSandbox } from "../../../adapters/sandbox/gvisor.js";
import { knownProcess } from "../../../adapters/sandbox/processes.js";
import { DEFAULT_SANDBOX_LIMITS, type Sandbox, type SandboxLimits } from "../../../ports/sandbox.js";
import { eventually } from "../../harness/eventually.js";
import { describeWith } from "../../harness/real-part.js";
import { descendants } from "./descendants.js";
import { startSandboxProcess } from "./sandbox-client.js";

const BACKENDS = [
  { part: "gvisor", backend: "gvisor", create: createGvisorSandbox },
  { part: "bubblewrap", backend: "bubblewrap", create: createBubblewrapSandbox },
] as const;

for (const { part, backend, create } of BACKENDS) {
  describeWith(part, (path) => {
    const opened: Sandbox[] = [];
    const open = (standby: number) => {
      const sandbox = create({ programPath: path }, { standby });
      opened.push(sandbox);
      return sandbox;
    };
    afterEach(async () => {
      await Promise.all(opened.splice(0).map(async (sandbox) => await sandbox.close?.()));
      await eventually(() => expect(inSandboxes()).toEqual([]));
    });

    test("an execution runs in the sandbox that stood by, and another stands by afterwards", async () => {
      const sandbox = open(1);
      await run(sandbox, "true");
      const first = await standing();
      expect(await run(sandbox, "sleep 0.4; echo ran", { whileItRuns: () => inSandboxes() })).toMatchObject({
        stdout: "ran\n",
        seen: expect.arrayContaining([...first]),
      });
      const second = await standing();
      expect(second.filter((pid) => first.includes(pid))).toEqual([]);
    });

    test("nothing passes from one execution to the next", async () => {
      const sandbox = open(2);
      const leave = "echo x >/tmp/left; echo x >/dev/shm/left; echo x >left; (sleep 600 &) ; echo $TOKEN";
      const look = "ls -A /tmp /dev/shm /workspace; ps -e 2>/dev/null | grep -c sleep; ls /proc | grep -c '^[0-9]'";
      const untouched = await run(open(0), look);
      for (let n = 0; n < 3; n += 1) {
        await run(sandbox, leave);
        await standing();
        expect(await run(sandbox, look)).toEqual(untouched);
        await standing();
      }
    });

    test("only an execution with the same limits, in the same language, takes it", async () => {
      const sandbox = open(1);
      await run(sandbox, "true", { limits: { processes: 40 } });
      const stands = await standing();
      const other = await run(sandbox, "sleep 0.4; echo other", { whileItRuns: () => inSandboxes() });
      expect(other.stdout).toBe("other\n");
      // It stood on beside the execution, and gave way to what that one's next would want.
      expect(other.seen).toEqual(expect.arrayContaining([...stands]));
      await eventually(() => expect(inSandboxes().filter((pid) => stands.includes(pid))).toEqual([]));
      await standing();
    });

    test.each([
      ["memory", "tail /dev/zero", { memoryBytes: 96 * 1024 * 1024 }, { limit: "memory" }],
      ["processes", "for n in 1 2 3 4 5 6 7 8 9; do sleep 0.3 & done; wait", { processes: 6 }, { limit: "processes" }],
      ["disk", "head -c 5000000 /dev/zero >big", { diskBytes: 1024 * 1024 }, { limit: "disk" }],
      ["time", "sleep 30", { wallMs: 300 }, { timedOut: true }],
      ["cpu", "while :; do :; done", { cpuMs: 700 }, { limit: "cpu" }],
      ["output", "head -c 100000 /dev/zero", { outputBytes: 1_000 }, { truncated: true }],
    ] as const)("its limit holds: %s", async (_name, code, limits, expected) => {
      const sandbox = open(1);
      await run(sandbox, "true", { limits });
      await standing();
      expect(await run(sandbox, code, { limits })).toMatchObject(expected);
    });

    test("one that died while it stood by is not used", async () => {
      const sandbox = open(1);
      await run(sandbox, "true");
      const stands = await standing();
      for (const pid of stands) killQuietly(pid);
      await eventually(() => expect(stands.map(knownProcess).filter(Boolean)).toEqual([]));
      expect(await run(sandbox, "echo well")).toMatchObject({ stdout: "well\n", exitCode: 0 });
    });

    test("code that is larger than the room of one that stands by runs all the same", async () => {
      const sandbox = open(1);
      await run(sandbox, "true");
      await standing();
      const code = `echo large\n${"# filler\n".repeat(20_000)}`;
      expect(await run(sandbox, code)).toMatchObject({ stdout: "large\n", exitCode: 0 });
    });

    test("an abort ends an execution in one that stood by", async () => {
      const sandbox = open(1);
      await run(sandbox, "true");
      await standing();
      await expect(run(sandbox, "sleep 30", { signal: AbortSignal.timeout(300) })).rejects.toThrow(/timeout/);
    });

    test("several stand by, never more than the setting says", async () => {
      const sandbox = open(2);
      await Promise.all([1, 2, 3, 4].map(async (n) => await run(sandbox, `echo ${n}`)));
      await eventually(() => expect(countOf(inSandboxes())).toBe(2));
      const again = await Promise.all([1, 2, 3, 4].map(async (n) => (await run(sandbox, `echo ${n}`)).stdout));
      expect(again).toEqual(["1\n", "2\n", "3\n", "4\n"]);
    });

    test("a process may end while one stands by; one that is killed leaves nothing of it", async () => {
      for (const end of ["stop", "kill"] as const) {
        const { sandbox, child } = await startSandboxProcess({ bwrapPath: path, backend, standby: 1 });
        await run(sandbox, "true");
        const stands = await standing(child.pid);
        const exit = once(child, "exit");
        if (end === "stop") child.stdin?.end();
        else child.kill("SIGKILL");
        await exit;
        await eventually(() => expect(stands.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]));
      }
    });
  });
}

interface Wish {
  readonly limits?: Partial<SandboxLimits>;
  readonly signal?: AbortSignal;
  /** Looked at while the code runs. */
  readonly whileItRuns?: () => readonly number[];
}

async function run(sandbox: Sandbox, code: string, { limits, signal, whileItRuns }: Wish = {}) {
  const request = { language: "shell", code, files: [], limits: { ...DEFAULT_SANDBOX_LIMITS, ...limits } } as const;
  const running = sandbox.run(request, { signal: signal ?? new AbortController().signal });
  const look = setInterval(() => seen.push(...(whileItRuns?.() ?? [])), 50);
  const seen: number[] = [];
  try {
    const { durationMs: _time, files: _files, ...result } = await running;
    return { ...result, seen };
  } finally {
    clearInterval(look);
  }
}

/** Processes of sandboxes of this process, or of another. */
function inSandboxes(root: number = process.pid): readonly number[] {
  return descendants(root, "runsc").concat(descendants(root, "bwrap"));
}

/** Those of a sandbox that stands by, once they are all there and no others. */
async function standing(root?: number): Promise<readonly number[]> {
  let last: readonly number[] = [];
  await eventually(() => {
    const now = inSandboxes(root);
    const before = last;
    last = now;
    expect(now.length).toBeGreaterThan(0);
    expect(now).toEqual(before);
  });
  return last;
}

/** How many sandboxes these are: each has one process that all its others descend from. */
function countOf(processes: readonly number[]): number {
  const below = new Set(processes.flatMap((pid) => descendants(pid)));
  return processes.filter((pid) => !below.has(pid)).length;
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended with the others.
  }
}

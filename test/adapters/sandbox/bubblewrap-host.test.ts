import { closeSync, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createBubblewrapSandbox } from "../../../adapters/sandbox/bubblewrap.js";
import type { SandboxPrograms } from "../../../adapters/sandbox/host.js";
import {
  DEFAULT_SANDBOX_LIMITS,
  type Sandbox,
  type SandboxLanguage,
  type SandboxLimits,
} from "../../../ports/sandbox.js";
import { packageRoot } from "../../../workers/tool-finder.js";
import { eventually } from "../../harness/eventually.js";
import { cgroupsOf, descriptors } from "../../harness/held-by-process.js";
import { describeWith } from "../../harness/real-part.js";
import { processesWith } from "../../ports/sandbox-hostile/world.js";
import { copyOfBubblewrap } from "./open-bubblewrap.js";
import { startSandboxProcess } from "./sandbox-client.js";

const run = async (sandbox: Sandbox, language: SandboxLanguage, code: string, limits: Partial<SandboxLimits> = {}) =>
  await sandbox.run(
    { language, code, files: [], limits: { ...DEFAULT_SANDBOX_LIMITS, ...limits } },
    { signal: new AbortController().signal },
  );

describeWith("bubblewrap", (bwrapPath) => {
  const open = (programs: Partial<SandboxPrograms> = {}) =>
    createBubblewrapSandbox({ programPath: bwrapPath, ...programs });
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "wflo-host-"));
    await chmod(folder, 0o755);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const script = async (name: string, text: string) => {
    const path = join(folder, name);
    await writeFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return path;
  };

  describe("where the host lacks something", () => {
    test("a missing bwrap is a refusal that says what to do, and its check has a fix", async () => {
      const sandbox = open({ programPath: join(folder, "no-bwrap") });
      await expect(run(sandbox, "shell", "true")).rejects.toMatchObject({
        name: "SandboxUnavailable",
        message: expect.stringMatching(/no-bwrap is not a program that can be run; install bubblewrap/),
      });
      expect(await sandbox.check()).toEqual([
        {
          name: "start",
          ok: false,
          detail: expect.stringContaining("no-bwrap"),
          fix: expect.stringContaining("user namespaces"),
        },
      ]);
    });

    test("a host that forbids namespaces is a refusal with the kernel's reason, and nothing runs", async () => {
      const traces = join(folder, "traces");
      const denied = await script("denied", "echo 'bwrap: No permissions to create new namespace' >&2; exit 1");
      const sandbox = open({ programPath: denied });
      await expect(run(sandbox, "shell", `touch ${traces}`)).rejects.toMatchObject({
        name: "SandboxUnavailable",
        message: expect.stringMatching(
          /exit code 1 \(bwrap: No permissions to create new namespace\).*wflo sandbox check/,
        ),
      });
      expect(existsSync(traces)).toBe(false);
      expect(await sandbox.check()).toMatchObject([
        { ok: false, fix: expect.stringContaining("sysctl user.max_user_namespaces") },
      ]);
    });

    test("a bwrap that makes no sandbox gets no code to run", async () => {
      const traces = join(folder, "bare-traces");
      const bare = await script("bare", `while [ "$1" != -- ]; do shift; done; shift; exec "$@"`);
      await expect(run(open({ programPath: bare }), "shell", `touch ${traces}`)).rejects.toThrow(
        "it has no process of its own",
      );
      const beside = await script("beside", `while [ "$1" != -- ]; do shift; done; shift; "$@"; exit 1`);
      await expect(run(open({ programPath: beside }), "shell", `touch ${traces}`)).rejects.toThrow(
        "in no namespace of their own",
      );
      expect(existsSync(traces)).toBe(false);
      expect(processesWith(folder)).toEqual([]);
    });

    test("a host that is short of something for the moment is an error that may be tried again", async () => {
      const short = await script(
        "short",
        "echo 'bwrap: Creating new namespace failed: Resource temporarily unavailable' >&2; exit 1",
      );
      const failure = await run(open({ programPath: short }), "shell", "true").catch((error: unknown) => error);
      expect(failure).toMatchObject({ name: "Error", message: expect.stringContaining("short of something") });
    });

    test("a missing interpreter is a result that says so; the other languages run", async () => {
      const sandbox = open({ pythonPath: join(folder, "no-python") });
      expect(await run(sandbox, "python", "print(1)")).toMatchObject({
        exitCode: 127,
        stderr: expect.stringContaining("there is no python on this host; use another language"),
      });
      expect(await run(sandbox, "shell", "echo 1")).toMatchObject({ exitCode: 0, stdout: "1\n" });
      const checks = await sandbox.check();
      expect(checks.filter(({ ok }) => !ok)).toMatchObject([
        { name: "python", fix: expect.stringContaining("Install Python 3") },
      ]);
    });
  });

  test("a Python in a folder that is closed to others is shown to the code, and nothing else of that folder", async () => {
    const [closed, version] = [join(folder, "closed"), /python(3\.\d+)/.exec(readdirSync("/usr/lib").join(" "))?.[1]];
    await mkdir(join(closed, "python/bin"), { recursive: true });
    await writeFile(join(closed, "secret"), "secret", { mode: 0o644 });
    await cp(`/usr/bin/python${version}`, join(closed, "python/bin/python3"));
    await cp(`/usr/lib/python${version}`, join(closed, `python/lib/python${version}`), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await chmod(closed, 0o700);
    const sandbox = open({ pythonPath: join(closed, "python/bin/python3") });
    const code = `import os, subprocess, sys; print(sys.prefix, subprocess.run(["python3", "-c", "print(7)"], capture_output=True, text=True).stdout, os.path.exists("${closed}"))`;
    expect(await run(sandbox, "python", code)).toMatchObject({ exitCode: 0, stdout: "/opt/wflo/python 7\n False\n" });
  });

  test("no error message names a path of the host", async () => {
    const sandbox = open();
    const programs = [
      ["python", "import missing\n"],
      ["python", "def f(:"],
      ["javascript", "import './missing.mjs'"],
      ["javascript", "throw new Error()"],
      ["javascript", "const {"],
      ["shell", "missing; cd /nowhere; if"],
    ] as const;
    for (const [language, code] of programs) {
      const { stderr } = await run(sandbox, language, code);
      expect(stderr).not.toBe("");
      for (const path of [packageRoot(), bwrapPath, process.execPath, process.cwd(), "/mnt"])
        expect(stderr).not.toContain(path);
    }
  });

  describe("a worker process", () => {
    const own = ["this user", undefined] as const;
    const users = process.getuid?.() === 0 ? [own, ["nobody", 65_534] as const] : [own];
    test.each(users)("of %s that is killed leaves no process, no mount and no cgroup for long", async (_user, uid) => {
      const marker = `wflo-killed-${process.pid}-${uid}`;
      const copy = await copyOfBubblewrap(bwrapPath);
      const worker = await startSandboxProcess({ bwrapPath: copy.path, ...(uid === undefined ? {} : { uid }) });
      const before = await mounts();
      const code = `import os, time\nfor _ in range(3):\n    if os.fork() == 0:\n        os.setsid()\n        os.execv("/bin/sleep", ["${marker}", "600"])\ntime.sleep(600)`;
      const running = run(worker.sandbox, "python", code).catch((error: Error) => error.message);
      await eventually(() => expect(processesWith(marker)).toHaveLength(3));
      worker.child.kill("SIGKILL");
      expect(await running).toBe("the process with the sandbox has ended");
      await eventually(() => expect([...processesWith(marker), ...processesWith(copy.path)]).toEqual([]), {
        withinMs: 5_000,
      });
      expect(await mounts()).toEqual(before);
      // The next worker clears the empty groups away.
      await run(open(), "shell", "true");
      expect(cgroupsOf(worker.child.pid ?? -1)).toEqual([]);
      await copy.remove();
    });

    test.each([1, 2, 3, 4, 5])(
      "that is killed when the set-up of a sandbox has come to %d processes leaves none of them",
      async (depth) => {
        const copy = await copyOfBubblewrap(bwrapPath);
        for (let round = 0; round < 3; round += 1) {
          const worker = await startSandboxProcess({ bwrapPath: copy.path });
          const running = Promise.all(
            [1, 2, 3].map(async () => await run(worker.sandbox, "shell", "sleep 600").catch(() => undefined)),
          );
          await eventually(() => expect(descendantsOf(worker.child.pid ?? -1).length).toBeGreaterThanOrEqual(depth));
          worker.child.kill("SIGKILL");
          await running;
          await eventually(() => expect(processesWith(copy.path)).toEqual([]), { withinMs: 5_000 });
        }
        await copy.remove();
      },
    );

    test("hands on no descriptor that it was started with", async () => {
      const secret = join(folder, "inherited");
      await writeFile(secret, "inherited secret", { mode: 0o644 });
      const inherited = openSync(secret, "r");
      const worker = await startSandboxProcess({ bwrapPath, inherited });
      closeSync(inherited);
      expect(readdirSync(`/proc/${worker.child.pid}/fd`)).toContain("40");
      const code = `for fd in /proc/self/fd/*; do echo "$fd $(readlink $fd)"; done; cat <&40`;
      const { stdout } = await run(worker.sandbox, "shell", code);
      await worker.stop();
      expect(stdout).toContain("/proc/self/fd/1 ");
      expect(stdout).not.toContain("inherited");
    });
  });

  test("fifty at once all end right, and leave no descriptor, mount, cgroup or file behind", async () => {
    const sandbox = open();
    await run(sandbox, "shell", "true");
    const before = { descriptors: descriptors(), mounts: await mounts(), files: readdirSync(tmpdir()).length };
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    const results = await Promise.all(
      numbers.map(
        async (n) =>
          await run(sandbox, (["shell", "python"] as const)[n % 2] ?? "shell", n % 2 ? `print(${n})` : `echo ${n}`),
      ),
    );
    expect(results.map(({ stdout }) => Number(stdout))).toEqual(numbers);
    await eventually(() => expect(descriptors()).toBeLessThanOrEqual(before.descriptors));
    expect({ mounts: await mounts(), cgroups: cgroupsOf(process.pid) }).toEqual({ mounts: before.mounts, cgroups: [] });
  });
});

const mounts = async () =>
  (await readFile("/proc/self/mountinfo", "utf8")).split("\n").filter((line) => line.includes(" wflo "));

function descendantsOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
    return children.flatMap((child) => [child, ...descendantsOf(child)]);
  } catch {
    return [];
  }
}

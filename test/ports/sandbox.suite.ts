import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  DEFAULT_SANDBOX_LIMITS,
  type Sandbox,
  type SandboxLanguage,
  type SandboxLimits,
  type WorkspaceFile,
} from "../../ports/sandbox.js";
import { eventually } from "../harness/eventually.js";
import { HOSTILE_PROGRAMS } from "./sandbox-hostile/index.js";
import { judge } from "./sandbox-hostile/judgement.js";
import { createHostileWorld, type HostileWorld, processesWith } from "./sandbox-hostile/world.js";

export interface SandboxUnderTest {
  readonly open: () => Promise<Sandbox>;
  /** The user that the sandbox's worker runs as, where it is not this process's. */
  readonly uid?: number;
  /** Of a sandbox whose kernel is its own: processes on the host that stand for what runs inside. @default those with the marker */
  readonly processesFor?: (marker: string) => readonly number[];
  /** What hostile programs may reach of a kernel that is the sandbox's own, by the program's name, and why it is harmless. */
  readonly ownKernel?: Readonly<Record<string, { readonly faults: RegExp; readonly because: string }>>;
}

const text = (content: string) => Buffer.from(content);
const file = (path: string, content: string, executable?: true): WorkspaceFile => ({
  path,
  content: text(content),
  ...(executable ? { executable } : {}),
});

/** The promises of ports/sandbox.ts, for every implementation. */
export function sandboxSuite({ open, uid, processesFor = processesWith, ownKernel = {} }: SandboxUnderTest): void {
  let sandbox: Sandbox;
  let world: HostileWorld;
  beforeAll(async () => {
    world = await createHostileWorld(uid === undefined ? {} : { uid });
    sandbox = await open();
  });
  afterAll(async () => {
    await world.close();
  });

  const run = async (
    language: SandboxLanguage,
    code: string,
    more: { files?: readonly WorkspaceFile[]; limits?: Partial<SandboxLimits>; signal?: AbortSignal } = {},
  ) => {
    const limits = { ...DEFAULT_SANDBOX_LIMITS, ...more.limits };
    const { files, ...result } = await sandbox.run(
      { language, code, files: more.files ?? [], limits },
      { signal: more.signal ?? new AbortController().signal },
    );
    const left = files.map(({ path, content, executable }) => [
      path,
      Buffer.from(content).toString(),
      executable ?? false,
    ]);
    return { ...result, files: left };
  };
  /** What a program prints, where it ended well. */
  const print = async (...request: Parameters<typeof run>) => {
    const { exitCode, stdout, stderr } = await run(...request);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    return stdout.trim();
  };

  describe("ordinary programs", () => {
    test.each([
      ["python", "print('hello', 2 ** 70)", "hello 1180591620717411303424"],
      [
        "python",
        "import json, sqlite3, ssl, ctypes, multiprocessing, zoneinfo; print(json.dumps({'a': [1]}))",
        '{"a": [1]}',
      ],
      ["python", "import sys; print(repr(sys.stdin.read()))", "''"],
      [
        "python",
        "import os; print(os.getcwd(), os.environ['HOME'], os.path.expanduser('~'))",
        "/workspace /workspace /workspace",
      ],
      ["python", "print('ünï 文件 🙂')", "ünï 文件 🙂"],
      ["python", "import tempfile; print(tempfile.gettempdir(), len(tempfile.mkdtemp()) > 4)", "/tmp True"],
      [
        "python",
        "import socket, threading\ns = socket.create_server(('localhost', 0))\nc = socket.create_connection(s.getsockname())\nc.send(b'within'); print(s.accept()[0].recv(9).decode())",
        "within",
      ],
      [
        "python",
        "from multiprocessing import Pool\nif __name__ == '__main__':\n    with Pool(2) as pool: print(pool.map(abs, [-1, -2]))",
        "[1, 2]",
      ],
      [
        "python",
        "import subprocess; print(subprocess.run(['node', '-p', '6*7'], capture_output=True, text=True).stdout)",
        "42",
      ],
      ["javascript", "console.log('hello', String(2n ** 70n))", "hello 1180591620717411303424"],
      [
        "javascript",
        "const fs = require('fs'); console.log(process.cwd(), JSON.stringify(fs.readFileSync(0, 'utf8')))",
        '/workspace ""',
      ],
      [
        "javascript",
        "import os from 'node:os';\nconst { username } = os.userInfo();\nconsole.log(username, await Promise.resolve(os.homedir()))",
        "sandbox /workspace",
      ],
      [
        "javascript",
        "import { Worker } from 'node:worker_threads';\nnew Worker('require(\"worker_threads\").parentPort.postMessage(7)', { eval: true }).on('message', console.log)",
        "7",
      ],
      [
        "javascript",
        "console.log(require('child_process').execSync('echo from the shell').toString().trim())",
        "from the shell",
      ],
      ["shell", "echo hello; [[ -n $HOME ]] && cat | wc -c", "hello\n0"],
      ["shell", "pwd; whoami; hostname", "/workspace\nsandbox\nsandbox"],
      [
        "shell",
        "echo to stdout >/dev/stdout; printf 'b\\na\\n' | sort | tr '\\n' ' '; awk 'BEGIN { print 1+1 }'",
        "to stdout\na b 2",
      ],
      ["shell", "python3 -c 'print(1)'; node -p 2", "1\n2"],
      ["shell", "head -c 100000 /dev/urandom | sha256sum | wc -c; date +%Z", "68\nUTC"],
    ] as const)("%s runs %s", async (language, code, expected) => {
      expect(await print(language, code)).toBe(expected);
    });

    test.each([
      ["python", "import sys; sys.exit(3)", 3],
      ["python", "raise ValueError('wrong')", 1],
      ["javascript", "process.exit(4)", 4],
      ["javascript", "throw new Error('wrong')", 1],
      ["shell", "exit 255", 255],
      ["shell", "no-such-command", 127],
    ] as const)("%s ends %j with its exit code %d", async (language, code, exitCode) => {
      expect(await run(language, code)).toMatchObject({ exitCode, timedOut: false, truncated: false });
    });

    test("both streams are kept apart, and an error shows the line that it is about", async () => {
      const { stdout, stderr } = await run("python", "print('out')\nimport sys\nprint('err', file=sys.stderr)\n1 / 0");
      expect(stdout).toBe("out\n");
      expect(stderr).toMatch(/^err\nTraceback[\s\S]*line 4[\s\S]*1 \/ 0[\s\S]*ZeroDivisionError/);
    });

    test("a program that a signal ends has no exit code, and its last line says which", async () => {
      const ended = await run("python", "import os\nprint('here', flush=True)\nos.kill(os.getpid(), 11)");
      expect(ended).toMatchObject({
        exitCode: null,
        stdout: "here\n",
        stderr: "[ended by SIGSEGV]\n",
        timedOut: false,
      });
    });

    test("code may be longer than any argument of a program", async () => {
      const lines = Array.from({ length: 20_000 }, (_, n) => `total += ${n}`).join("\n");
      expect(await print("python", `total = 0\n${lines}\nprint(total)`)).toBe("199990000");
    });

    test("packages that are not part of the language are not there", async () => {
      expect((await run("python", "import numpy_or_not")).stderr).toContain("ModuleNotFoundError");
      expect((await run("javascript", "require('ai')")).stderr).toContain("Cannot find module");
    });

    test("what it takes is measured", async () => {
      const { durationMs } = await run("shell", "sleep 0.3");
      expect(durationMs).toBeGreaterThanOrEqual(300);
    });
  });

  describe("the workspace", () => {
    const files = [
      file("data.csv", "a,b\n1,2\n"),
      file("pkg/__init__.py", ""),
      file("pkg/inner/deep.txt", "deep"),
      file("run.sh", "#!/bin/sh\necho ran", true),
      file("ünï 文件.txt", "unicode"),
      file("-rf", "dashes"),
    ];

    test("holds what it is given, byte for byte, and gives back what is left", async () => {
      const binary = { path: "all-bytes", content: Uint8Array.from({ length: 256 }, (_, n) => n) };
      const code =
        "cmp -l all-bytes copy; ./run.sh; rm data.csv; echo more >>pkg/inner/deep.txt; mv run.sh bin.sh; cp all-bytes out/";
      const request = {
        language: "shell",
        code: `cp all-bytes copy; ${code}`,
        files: [...files, binary],
        limits: DEFAULT_SANDBOX_LIMITS,
      } as const;
      const result = await sandbox.run(request, { signal: new AbortController().signal });
      expect(result).toMatchObject({ exitCode: 0, stdout: "ran\n", stderr: "" });
      expect(result.files.map(({ path, executable }) => (executable ? `${path}*` : path))).toEqual([
        "-rf",
        "all-bytes",
        "bin.sh*",
        "copy",
        "out/all-bytes",
        "pkg/__init__.py",
        "pkg/inner/deep.txt",
        "ünï 文件.txt",
      ]);
      const contentOf = (path: string) => result.files.find((left) => left.path === path)?.content;
      expect(Buffer.from(contentOf("out/all-bytes") ?? [])).toEqual(Buffer.from(binary.content));
      expect(Buffer.from(contentOf("pkg/inner/deep.txt") ?? []).toString()).toBe("deepmore\n");
    });

    test("is where modules are looked for", async () => {
      const modules = [
        file("mine.py", "answer = 42"),
        file("mine.js", "module.exports = 42"),
        file("mine.mjs", "export default 42"),
      ];
      expect(await print("python", "import mine; print(mine.answer)", { files: modules })).toBe("42");
      expect(await print("javascript", "console.log(require('./mine.js'))", { files: modules })).toBe("42");
      expect(await print("javascript", "import mine from './mine.mjs';\nconsole.log(mine)", { files: modules })).toBe(
        "42",
      );
      expect((await run("python", "import mine", { files: modules })).files).toHaveLength(3);
    });

    test("has a folder for the result, and takes one that is there", async () => {
      expect((await run("shell", "echo 1 >out/a; cd out && pwd")).files).toEqual([["out/a", "1\n", false]]);
      const again = await run("shell", "ls out; echo 2 >out/b", { files: [file("out/a", "1\n")] });
      expect([again.stdout, again.files.map(([path]) => path)]).toEqual(["a\n", ["out/a", "out/b"]]);
      expect((await run("shell", "cat out", { files: [file("out", "a file")] })).stdout).toBe("a file");
    });

    test("is changed by one execution and not seen by the next", async () => {
      await run("shell", "echo here >/workspace/a; echo here >/tmp/b; echo here >/dev/shm/c");
      expect((await run("shell", "ls /workspace /tmp /dev/shm")).stdout).not.toMatch(/[abc]$/m);
    });

    test("comes back whole when the program failed or was stopped", async () => {
      expect((await run("shell", "echo 1 >a; exit 3")).files).toEqual([["a", "1\n", false]]);
      const stopped = await run("shell", "echo 1 >a; sleep 60", { limits: { wallMs: 500 } });
      expect([stopped.timedOut, stopped.files]).toEqual([true, [["a", "1\n", false]]]);
    });

    test("that is too large for its limits is refused before anything runs, and nothing of it is lost", async () => {
      const large = [file("large", "x".repeat(100_000)), file("small", "x")];
      const disk = await run("shell", "echo ran", { files: large, limits: { diskBytes: 65_536 } });
      expect(disk).toMatchObject({ exitCode: null, stdout: "", limit: "disk" });
      expect(disk.files).toHaveLength(2);
      const many = await run("shell", "echo ran", { files: large, limits: { files: 1 } });
      expect(many).toMatchObject({ exitCode: null, stdout: "", limit: "files" });
    });

    test("that is as large as its limits can be worked with, and emptied", async () => {
      const full = Array.from({ length: 15 }, (_, n) => file(`f${n}`, "x".repeat(4_096)));
      const result = await run("shell", "ls | wc -l; rm f1; echo new >f1; cat f1", {
        files: full,
        limits: { diskBytes: 16 * 4_096, files: 16 },
      });
      expect(result).toMatchObject({ exitCode: 0, stdout: "16\nnew\n" });
    });

    test("that may hold next to nothing still has room for the code", async () => {
      const code = `${"# long\n".repeat(50_000)}echo hello; echo x >a && echo y >b`;
      const result = await run("shell", code, { limits: { diskBytes: 4_096, files: 3 } });
      expect(result).toMatchObject({ stdout: "hello\n", limit: "disk" });
    });

    test.each(["../up", "/etc/passwd", "a/../../b", "a//b", "new\nline"])(
      "takes no file of the name %j",
      async (path) => {
        await expect(run("shell", "true", { files: [file(path, "x")] })).rejects.toThrow(JSON.stringify(path));
      },
    );
  });

  describe("limits", () => {
    test.each([
      ["wallMs", { wallMs: 0 }],
      ["memoryBytes", { memoryBytes: -1 }],
      ["processes", { processes: Number.NaN }],
      ["files", { files: 1e9 }],
    ])("a senseless %s is refused by its name", async (name, limits) => {
      await expect(run("shell", "true", { limits })).rejects.toThrow(name);
    });

    test("output is cut between two characters, over both streams, and the program goes on", async () => {
      const code = "echo ééééé; for i in 1 2 3; do echo éé >&2; sleep 0.05; done; echo end >out/end";
      const result = await run("shell", code, { limits: { outputBytes: 14 } });
      expect(result).toMatchObject({ exitCode: 0, truncated: true, stdout: "ééééé\n", stderr: "é" });
      expect(result.files).toEqual([["out/end", "end\n", false]]);
    });

    test("output of exactly the limit is whole", async () => {
      const result = await run("shell", "printf 12345; printf 678 >&2", { limits: { outputBytes: 8 } });
      expect(result).toMatchObject({ truncated: false, stdout: "12345", stderr: "678" });
    });

    test("work within the limits does not touch them", async () => {
      const code =
        "import os\nblock = bytearray(60 << 20)\npids = [os.fork() for _ in range(2)]\nopen(f'f{os.getpid()}', 'w').write('x' * 100000)\nwhile True:\n    try: os.wait()\n    except ChildProcessError: break";
      const limits = { memoryBytes: 200 << 20, processes: 8, diskBytes: 1 << 20, files: 10, cpuMs: 20_000 };
      const { files, ...result } = await run("python", code, { limits });
      expect(result).toEqual({
        exitCode: 0,
        stdout: "",
        stderr: "",
        timedOut: false,
        truncated: false,
        durationMs: expect.any(Number),
      });
      expect(files).toHaveLength(4);
    });
  });

  describe("an abort", () => {
    const endless =
      "import os, time\nif os.fork() == 0:\n    os.setsid()\n    os.execv('/bin/sleep', [MARKER, '600'])\ntime.sleep(600)";

    test("ends every process before the run settles, which takes no result", async () => {
      const controller = new AbortController();
      const marker = `${world.marker}-abort`;
      const running = run("python", endless.replace("MARKER", JSON.stringify(marker)), { signal: controller.signal });
      await eventually(() => expect(processesFor(marker)).not.toEqual([]));
      controller.abort(new Error("the run was cancelled"));
      await expect(running).rejects.toThrow("the run was cancelled");
      expect(processesFor(marker)).toEqual([]);
    });

    test("before the start runs nothing", async () => {
      const signal = AbortSignal.abort(new Error("too late"));
      await expect(run("shell", "true", { signal })).rejects.toThrow("too late");
    });
  });

  test("what the host gives is proven by probes that all hold", async () => {
    const checks = await sandbox.check();
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(checks.length).toBeGreaterThan(8);
    for (const { name, detail } of checks) expect([name, detail.length > 10]).toEqual([name, true]);
  });

  describe("code cannot", () => {
    test.each(HOSTILE_PROGRAMS)("$name", async (program) => {
      const judgement = await judge(sandbox, program, world);
      const harmless = ownKernel[program.name]?.faults;
      const [result, faults] = [judgement.result, judgement.faults.filter((fault) => !harmless?.test(fault))];
      expect({ faults, ...(faults.length === 0 ? {} : { stdout: result.stdout, stderr: result.stderr }) }).toEqual({
        faults: [],
      });
    });
  });
}

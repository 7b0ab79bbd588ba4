import { describe, expect, test } from "@jest/globals";
import { createWasmSandbox } from "../../../adapters/wasm/sandbox.js";
import { DEFAULT_SANDBOX_LIMITS, type SandboxLimits } from "../../../ports/sandbox.js";
import { ownModule } from "../../../workers/own-module.js";

const sandbox = createWasmSandbox(ownModule("wasm-main"));
const MIB = 1024 * 1024;

const run = async (code: string, limits: Partial<SandboxLimits> = {}, signal = new AbortController().signal) => {
  const request = {
    language: "javascript",
    code,
    files: [],
    limits: { ...DEFAULT_SANDBOX_LIMITS, ...limits },
  } as const;
  return await sandbox.run(request, { signal });
};

describe("a program in WebAssembly", () => {
  test("computes, and prints", async () => {
    const code =
      'console.log([1, 2, 3].map((n) => n * 2), "ü🜁", { a: 1 }); console.error("oh"); print(await Promise.resolve(2n ** 70n));';
    const printed = '[2,4,6] ü🜁 {"a":1}\n1180591620717411303424\n';
    expect(await run(code)).toMatchObject({
      exitCode: 0,
      stdout: printed,
      stderr: "oh\n",
      timedOut: false,
      truncated: false,
    });
  });

  test.each([
    ["throws", 'throw new TypeError("bad")', "TypeError: bad"],
    ["is no program", "let 1", "SyntaxError"],
    ["imports", 'import fs from "node:fs"', "node:fs"],
    ["waits for what never comes", "await new Promise(() => {})", "waits for something that never comes"],
  ])("that %s ends with 1 and says so", async (_what, code, words) => {
    const ran = await run(code);
    expect(ran).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(words) });
    // Nothing of the host's.
    expect(ran.stderr).not.toMatch(/node_modules|\/work|file:/);
  });

  test("has nothing of Node's or the host's, however it looks for it", async () => {
    const code = `
const names = ["process", "require", "module", "fetch", "WebAssembly", "Deno", "Bun", "globalThis.process", "setTimeout", "std", "os", "scriptArgs", "Worker"];
print(names.map((name) => { try { return typeof (0, eval)(name); } catch { return "undefined"; } }).every((type) => type === "undefined"));
const roots = [console.log, print, Object, globalThis, (async () => {}).constructor];
print(roots.map((root) => { try { return root.constructor.constructor("return typeof process + typeof require")(); } catch (error) { return "undefinedundefined"; } }).join());
try { print(await import("node:fs")); } catch (error) { print("no import"); }
print(Object.keys(globalThis).sort().join());`;
    const nothing = Array.from({ length: 5 }, () => "undefinedundefined").join();
    expect((await run(code)).stdout).toBe(`true\n${nothing}\nno import\nconsole,performance,print\n`);
  });

  test.each<[string, string, Partial<SandboxLimits>, object]>([
    ["time", "while (true) {}", { cpuMs: 500 }, { limit: "cpu", exitCode: null }],
    [
      "time, caught",
      "while (true) { try { while (true) {} } catch {} }",
      { cpuMs: 500 },
      { limit: "cpu", exitCode: null },
    ],
    [
      "time in a regular expression",
      "/(a+)+$/.test('a'.repeat(40) + 'b')",
      { wallMs: 1_500 },
      { timedOut: true, exitCode: null },
    ],
    [
      "memory",
      "const a = []; while (true) a.push(new Array(10000).fill(1.5))",
      { memoryBytes: 32 * MIB },
      { limit: "memory", exitCode: null },
    ],
    ["memory in one piece", "'x'.repeat(2 ** 29)", { memoryBytes: 32 * MIB }, { limit: "memory", exitCode: null }],
    [
      "output",
      "while (true) print('x'.repeat(1000))",
      { outputBytes: 10_000, cpuMs: 1_000 },
      { truncated: true, limit: "cpu" },
    ],
  ])("that wants all of something ends: %s", async (_what, code, limits, expected) => {
    const ran = await run(code, limits);
    expect(ran).toMatchObject(expected);
    expect(ran.stdout.length).toBeLessThanOrEqual(10_000);
  });

  test("that calls itself without end ends", async () => {
    expect(await run("(function f() { f(); })()")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/stack/i),
    });
  });

  test("is ended when nobody waits for it any more", async () => {
    const abort = new AbortController();
    const running = run("while (true) {}", {}, abort.signal);
    setImmediate(() => abort.abort(new Error("enough")));
    await expect(running).rejects.toThrow("enough");
  });

  test("is JavaScript; files stay as they are, and there is no network", async () => {
    const files = [{ path: "a.txt", content: Buffer.from("a") }];
    const request = { code: "1", files, limits: DEFAULT_SANDBOX_LIMITS };
    const { signal } = new AbortController();
    const python = await sandbox.run({ ...request, language: "python" }, { signal });
    expect(python).toMatchObject({ exitCode: 127, stderr: expect.stringContaining("no python in WebAssembly"), files });
    expect((await sandbox.run({ ...request, language: "javascript" }, { signal })).files).toEqual(files);
    const network = { hosts: [], bytes: 1, requests: 1 };
    await expect(sandbox.run({ ...request, language: "javascript", network }, { signal })).rejects.toThrow(
      /has no network/,
    );
  });

  test("is checked by a program that looks for more", async () => {
    expect(await sandbox.check()).toMatchObject([
      { name: "start", ok: true },
      { name: "languages", ok: false },
    ]);
  });
});

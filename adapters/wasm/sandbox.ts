import { fork } from "node:child_process";
import {
  DEFAULT_SANDBOX_LIMITS,
  type Sandbox,
  type SandboxCheck,
  type SandboxRequest,
  type SandboxResult,
  SandboxUnavailable,
} from "../../ports/sandbox.js";
import type { WasmAnswer, WasmQuestion } from "./wire.js";

export interface WasmSandboxOptions {
  /** The module that calls `serveProgram`. */
  readonly modulePath: string;
  readonly execArgv?: readonly string[];
}

/** What the process says that cannot start, in characters. */
const MOST_WORDS = 2_000;

/** The process's own, besides the program's heap: Node, and QuickJS with its memory. In MiB. */
const OWN_HEAP_MIB = 64;

/**
 * Computing without files: QuickJS in WebAssembly, a process for each program. JavaScript alone, as a module, with `console`
 * and nothing else: no files, network, timers, imports. Where nothing else runs.
 */
export function createWasmSandbox(options: WasmSandboxOptions): Sandbox {
  const sandbox: Sandbox = {
    backend: "wasm",
    isolation: "wasm",
    async run(request, { signal }) {
      signal.throwIfAborted();
      if (request.network) throw new SandboxUnavailable("code in WebAssembly has no network");
      if (request.language !== "javascript") {
        const reason = `there is no ${request.language} in WebAssembly here; write JavaScript, without files and imports`;
        return { ...nothing(request), exitCode: 127, stderr: `${reason}\n` };
      }
      return await runIn(options, request, signal);
    },
    check: async () => await checks(sandbox),
  };
  return sandbox;
}

async function runIn(
  { modulePath, execArgv = [] }: WasmSandboxOptions,
  request: SandboxRequest,
  signal: AbortSignal,
): Promise<SandboxResult> {
  const { code, limits } = request;
  const startedAt = performance.now();
  const heap = `--max-old-space-size=${OWN_HEAP_MIB}`;
  const child = fork(modulePath, [], {
    env: {},
    execArgv: [heap, ...execArgv],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    serialization: "advanced",
  });
  let answer: WasmAnswer | undefined;
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    if (said.length < MOST_WORDS) said += text;
  });
  let isLate = false;
  const kill = () => child.kill("SIGKILL");
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, limits.wallMs);
  signal.addEventListener("abort", kill);
  try {
    const { memoryBytes, cpuMs, outputBytes } = limits;
    const question: WasmQuestion = { code, memoryBytes, cpuMs, outputBytes };
    child.once("message", (received: WasmAnswer) => {
      answer = received;
    });
    child.send(question, (error) => error && kill());
    await new Promise<void>((resolve, reject) => child.once("exit", () => resolve()).once("error", reject));
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", kill);
    kill();
  }
  signal.throwIfAborted();
  const durationMs = Math.round(performance.now() - startedAt);
  if (isLate) return { ...nothing(request), exitCode: null, timedOut: true, durationMs };
  if (!answer && child.exitCode !== null)
    throw new Error(`the process for WebAssembly could not start: ${said.trim()}`);
  // A signal that nobody sent is Node's own, for want of memory.
  if (!answer) return { ...nothing(request), exitCode: null, limit: "memory", durationMs };
  const { limit, ...ran } = answer;
  return { ...nothing(request), ...ran, ...(limit ? { limit, exitCode: null } : {}), durationMs };
}

/** Files are not looked at, and stay. */
function nothing({ files }: SandboxRequest): SandboxResult {
  return { exitCode: 0, stdout: "", stderr: "", timedOut: false, truncated: false, files, durationMs: 0 };
}

async function checks(sandbox: Sandbox): Promise<readonly SandboxCheck[]> {
  const code = "console.log(typeof process, typeof require, typeof fetch, typeof WebAssembly, 6 * 7)";
  const request = { language: "javascript", code, files: [], limits: DEFAULT_SANDBOX_LIMITS } as const;
  const { stdout, durationMs } = await sandbox.run(request, { signal: new AbortController().signal });
  const ok = stdout === "undefined undefined undefined undefined 42\n";
  const detail = `wasm: a program computed in ${durationMs} ms, without files, network and anything of Node's`;
  const advice =
    "JavaScript that computes is all that runs here: for files, Python and shells use bubblewrap or gVisor, on Linux";
  return [
    {
      name: "start",
      ok,
      detail: ok ? detail : `a program saw ${stdout}`,
      fix: "Run no code on this host, and report this.",
    },
    { name: "languages", ok: false, detail: "no Python, no shell, no files", fix: advice },
  ];
}

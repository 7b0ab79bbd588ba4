import { execFile } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { createBubblewrapSandbox } from "../adapters/sandbox/bubblewrap.js";
import { createGvisorSandbox } from "../adapters/sandbox/gvisor.js";
import type { SandboxOptions } from "../adapters/sandbox/sandbox.js";
import { DEFAULT_SANDBOX_LIMITS, type Sandbox, type SandboxLanguage } from "../ports/sandbox.js";
import { findRunsc } from "../workers/runsc.js";
import { findBubblewrap } from "../workers/tool-finder.js";
import { median } from "./measure.js";

const execute = promisify(execFile);
const ROUNDS = 20;
const AT_ONCE = 50;
const THINKING_MS = 500;

interface Program {
  readonly language: SandboxLanguage;
  readonly code: string;
  /** The same without a sandbox. */
  readonly bare: readonly [command: string, ...args: string[]];
}

const SHELL: Program = { language: "shell", code: "true", bare: ["/bin/sh", "-c", "true"] };
const PROGRAMS: readonly Program[] = [
  SHELL,
  { language: "python", code: "pass", bare: ["/usr/bin/python3", "-c", "pass"] },
  { language: "javascript", code: "0", bare: [process.execPath, "-e", "0"] },
];

/** Prints what a sandbox's start costs over the bare interpreter, interleaved; no server is needed. */
export async function reportSandbox(): Promise<void> {
  const sandboxes = [createBubblewrapSandbox({ programPath: (await findBubblewrap()).path }), ...gvisor()];
  const ready = [...gvisor({ standby: 1 })].map((sandbox) => ({
    ...sandbox,
    backend: `${sandbox.backend}, standing by`,
  }));
  console.log(`\nan execution that does nothing, ms: least and median of ${ROUNDS}, interleaved`);
  for (const program of PROGRAMS) {
    const times = new Map<string, number[]>();
    const time = async (name: string, run: () => Promise<unknown>) => {
      const startedAt = performance.now();
      await run();
      times.set(name, [...(times.get(name) ?? []), performance.now() - startedAt]);
    };
    const [command, ...args] = program.bare;
    for (let round = 0; round < ROUNDS; round += 1) {
      await time("bare", async () => await execute(command, args));
      for (const sandbox of sandboxes) await time(sandbox.backend, async () => await run(sandbox, program));
      for (const sandbox of ready) {
        await run(sandbox, program);
        // The next one is set up while an agent thinks: what is timed is what it waits for.
        await pause(THINKING_MS);
        await time(sandbox.backend, async () => await run(sandbox, program));
        // The one after it is set up beside nothing that is timed.
        await pause(THINKING_MS);
      }
    }
    const figures = [...times].map(
      ([name, all]) => `${name} ${Math.min(...all).toFixed(0)} / ${median(all).toFixed(0)}`,
    );
    console.log(`${program.language.padEnd(10)} ${figures.join(" · ")}`);
  }
  for (const sandbox of ready) await sandbox.close?.();
  for (const sandbox of sandboxes) {
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: AT_ONCE }, async () => await run(sandbox, SHELL)));
    const seconds = (performance.now() - startedAt) / 1_000;
    console.log(
      `${sandbox.backend}: ${AT_ONCE} at once in ${seconds.toFixed(1)} s, ${(AT_ONCE / seconds).toFixed(0)} a second`,
    );
  }
}

/** Where it is there: building it is no part of a benchmark. */
function gvisor(options: SandboxOptions = {}): readonly Sandbox[] {
  const runsc = findRunsc();
  if (runsc === undefined) console.log("without gVisor: runsc is neither on the PATH nor built (`npm test` builds it)");
  return runsc === undefined ? [] : [createGvisorSandbox({ programPath: runsc }, options)];
}

async function run(sandbox: Sandbox, { language, code }: Program): Promise<void> {
  const request = { language, code, files: [], limits: DEFAULT_SANDBOX_LIMITS };
  const { exitCode, stderr } = await sandbox.run(request, { signal: new AbortController().signal });
  if (exitCode !== 0) throw new Error(`${sandbox.backend}: ${language} ended with ${exitCode}: ${stderr}`);
}

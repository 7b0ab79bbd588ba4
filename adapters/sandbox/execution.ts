import { constants } from "node:os";
import type { SandboxRequest, SandboxResult, WorkspaceFile } from "../../ports/sandbox.js";
import type { CapturedOutput } from "./captured-output.js";
import type { LimitName } from "./limit-watch.js";

/** Exit codes of a shell for a program that a signal ended: 128 and the signal's number, of which there are 64. */
const SIGNAL_BASE = 128;
const MOST_SIGNALS = 64;

/** How an interpreter says that it got no more memory, where nothing but its own message shows it. */
const OUT_OF_MEMORY = /JavaScript heap out of memory|^MemoryError\b|^std::bad_alloc|Cannot allocate memory/m;

/** How one says that it got no more processes, where nothing but its own message shows it. */
const OUT_OF_PROCESSES =
  /fork: (?:retry: )?Resource temporarily unavailable|Cannot fork|BlockingIOError: \[Errno 11\]|can't start new thread|spawn \S+ EAGAIN/;

export interface Execution {
  /** As a shell has it. */
  readonly status: number;
  readonly output: CapturedOutput;
  readonly timedOut: boolean;
  /** The limit that the watch or the collection saw. */
  readonly limit: LimitName | undefined;
  /** The kernel says which limit was hit, so that nobody has to guess. */
  readonly counted: boolean;
  readonly files: readonly WorkspaceFile[];
  readonly durationMs: number;
}

/** What a model reads of an execution. */
export function resultOf({ status, output, timedOut, ...seen }: Execution): SandboxResult {
  const signal = signalOf(status);
  const stderr = output.text("stderr");
  const limit = seen.limit ?? limitBySignal(signal) ?? limitByWords(status, stderr, seen.counted);
  const wasEnded = timedOut || signal !== undefined;
  const note =
    signal !== undefined && !timedOut && limit === undefined
      ? `${stderr === "" || stderr.endsWith("\n") ? "" : "\n"}[ended by ${signal}]\n`
      : "";
  return {
    exitCode: wasEnded ? null : status,
    stdout: output.text("stdout"),
    stderr: `${stderr}${note}`,
    timedOut,
    truncated: output.truncated,
    ...(limit ? { limit } : {}),
    files: seen.files,
    durationMs: Math.round(seen.durationMs),
  };
}

/** A result of code that was not run, for a reason that the model can do something about. */
export function notRun(request: SandboxRequest, reason: string, limit?: LimitName): SandboxResult {
  return {
    exitCode: limit === undefined ? 127 : null,
    stdout: "",
    stderr: `${reason}\n`,
    timedOut: false,
    truncated: false,
    ...(limit ? { limit } : {}),
    files: request.files,
    durationMs: 0,
  };
}

function signalOf(status: number): string | undefined {
  if (status <= SIGNAL_BASE || status > SIGNAL_BASE + MOST_SIGNALS) return undefined;
  const number = status - SIGNAL_BASE;
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`;
}

function limitByWords(status: number, stderr: string, counted: boolean): LimitName | undefined {
  if (status !== 0 && OUT_OF_MEMORY.test(stderr)) return "memory";
  return !counted && OUT_OF_PROCESSES.test(stderr) ? "processes" : undefined;
}

function limitBySignal(signal: string | undefined): LimitName | undefined {
  if (signal === "SIGXCPU") return "cpu";
  return signal === "SIGXFSZ" ? "disk" : undefined;
}

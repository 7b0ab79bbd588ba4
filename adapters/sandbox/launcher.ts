import { type ChildProcess, type IOType, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, readFileSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import type { Duplex, Readable, Writable } from "node:stream";
import { SandboxUnavailable } from "../../ports/sandbox.js";
import { DESCRIPTORS, IN_BASE, type Launch, launchScript, unshareArguments } from "./launch-script.js";
import { seccompFilter } from "./seccomp.js";

/** A host that takes longer to set a sandbox up is overloaded. */
const START_PATIENCE_MS = 20_000;
/** Bubblewrap's own messages: more than this is no message. */
const LOG_CHARACTERS = 4_000;
/** After this the launcher itself is killed, where killing the sandbox's first process did not end it. */
const KILL_PATIENCE_MS = 300;
const LOOK_AGAIN_MS = 5;
const DEATH_PATIENCE_MS = 10_000;
/** Code runs below the worker's own priority, so that a busy sandbox does not keep the worker from ending it. */
const NICENESS = 5;
/** Where the host is short of memory, the sandbox goes first. */
const OUT_OF_MEMORY_SCORE = "1000";
const LATE = "it was not up in time";
/** What a kernel says that is short of something for the moment. */
const SHORTAGE = /Resource temporarily unavailable|Cannot allocate memory|No space left|Too many open files/;

/** A sandbox that stands: everything is set up, and nothing of the code has run. */
export interface StandingSandbox {
  /** Paths of folders that this process holds open, so that they are there when every process is dead. */
  readonly base: string;
  readonly workspace: string;
  /** Descriptors of the pipes that the code prints into. */
  readonly stdout: number;
  readonly stderr: number;
  /** Process 1 of the sandbox, as this process sees it. */
  readonly init: number;
  /** Lets the code run. */
  go(): void;
  /** Kills every process of it. */
  kill(): void;
  /** Settles once every process is dead, with the exit code as a shell has it: 128 and the number for a signal. */
  ended(): Promise<number>;
  /** Gives the folders up; with them goes all that was written. */
  close(): void;
}

/**
 * Sets a sandbox up.
 * @param argv of bwrap
 * @param strays descriptors of this process that its programs would inherit
 * @throws SandboxUnavailable where this host can't; the signal's reason; an Error where the host is only short of something
 */
export async function standUp(
  launch: Launch,
  argv: readonly string[],
  { strays, signal }: { readonly strays: readonly number[]; readonly signal: AbortSignal },
): Promise<StandingSandbox> {
  const child = start(launch, argv, strays);
  const control = pipeOf(child, DESCRIPTORS.control) as Duplex;
  const information = pipeOf(child, DESCRIPTORS.information) as Readable;
  const log = collectLog(pipeOf(child, DESCRIPTORS.log) as Readable);
  const init = firstProcess(information);
  const exit = once(child, "exit") as Promise<[code: number | null]>;
  for (const promise of [exit, init]) promise.catch(() => undefined);
  try {
    const number = await Promise.all([init, readiness(child, control, { launch, signal })]).then(([first]) => first);
    // Nothing may end the sandbox but its end: an error of this pipe says no more than that one.
    control.on("error", () => undefined).resume();
    if (!isFirstOfItsNamespace(number)) throw new Error("its processes are in no namespace of their own");
    return standing({ child, control, exit, init: number, base: launch.host.base });
  } catch (error) {
    child.kill("SIGKILL");
    // A program that could not be started has no exit; one that ended by itself says more with it than with closed pipes.
    const [code] = child.pid === undefined ? [null] : await exit;
    signal.throwIfAborted();
    throw startFailure(code === null ? error : new Error(`it ended with exit code ${code}`), log());
  }
}

/** Its number, as bubblewrap tells it before anything runs in the sandbox. */
async function firstProcess(information: Readable): Promise<number> {
  return await new Promise((resolve, reject) => {
    let text = "";
    information.setEncoding("utf8").on("error", reject);
    information.on("data", (piece: string) => {
      text += piece;
      const pid = /"child-pid": (\d+)/.exec(text)?.[1];
      if (pid !== undefined) resolve(Number(pid));
    });
    information.once("end", () => reject(new Error("it did not tell its first process")));
  });
}

/** The promise that nobody outlives a sandbox rests on this. */
function isFirstOfItsNamespace(pid: number): boolean {
  const numbers = /^NSpid:((?:\t\d+)+)$/m
    .exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    ?.trim()
    .split("\t");
  return numbers !== undefined && numbers.length > 1 && numbers.at(-1) === "1";
}

function start(launch: Launch, argv: readonly string[], strays: readonly number[]): ChildProcess {
  const { host } = launch;
  const nothing = openSync("/dev/null", constants.O_RDONLY);
  const stdio: (IOType | number)[] = ["ignore", "ignore", "pipe", "pipe", "pipe", "pipe"];
  while (stdio.length <= Math.max(...strays, 0)) stdio.push(strays.includes(stdio.length) ? nothing : "ignore");
  const child = spawn(
    "unshare",
    [...unshareArguments(host), "/bin/sh", "-c", launchScript(launch), "launch", ...argv],
    {
      stdio,
      cwd: "/",
      env: { PATH: host.launcherPath, ...(host.libraryPath ? { LD_LIBRARY_PATH: host.libraryPath } : {}) },
    },
  );
  closeSync(nothing);
  if (child.pid !== undefined) dieFirst(child.pid);
  const filter = pipeOf(child, DESCRIPTORS.filter) as Writable;
  filter.on("error", () => undefined);
  filter.end(seccompFilter(host.processor, { countsAllMemory: launch.joinFiles.length > 0 }));
  return child;
}

function pipeOf(child: ChildProcess, descriptor: number) {
  return (child.stdio as readonly (Readable | Writable | null | undefined)[])[descriptor];
}

function dieFirst(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, OUT_OF_MEMORY_SCORE);
  } catch {
    // It has ended already, and says why in its log.
  }
}

/** Waits for the word of the sandbox's first process; rejects with what went wrong where it does not come. */
async function readiness(
  child: ChildProcess,
  control: Duplex,
  { launch, signal }: { readonly launch: Launch; readonly signal: AbortSignal },
): Promise<void> {
  const settled = new AbortController();
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(LATE)), START_PATIENCE_MS);
      const isSettled = { signal: settled.signal };
      isSettled.signal.addEventListener("abort", () => clearTimeout(timer));
      signal.addEventListener("abort", () => reject(signal.reason), isSettled);
      child.once("error", (error) => reject(new Error(`unshare (PATH ${launch.host.launcherPath}): ${error.message}`)));
      child.once("exit", (code, ended) => reject(new Error(`it ended with ${ended ?? `exit code ${code}`}`)));
      control.once("data", () => resolve()).once("error", reject);
    });
  } finally {
    settled.abort();
  }
}

function startFailure(cause: unknown, log: string): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `bubblewrap could not start a sandbox: ${reason}${log === "" ? "" : ` (${log.trim()})`}`;
  if (SHORTAGE.test(log) || reason === LATE) return new Error(`${message}; the host is short of something`);
  return new SandboxUnavailable(`${message}; ask \`wflo sandbox check\``);
}

interface Started {
  readonly child: ChildProcess;
  readonly control: Duplex;
  readonly exit: Promise<[code: number | null]>;
  readonly init: number;
  readonly base: string;
}

function standing({ child, control, exit, init, ...started }: Started): StandingSandbox {
  const birth = birthOf(init);
  const held = [started.base, `${started.base}/${IN_BASE.workspace}`].map((folder) =>
    openSync(`/proc/${child.pid}/root${folder}`, constants.O_RDONLY | constants.O_DIRECTORY),
  );
  const [base = "", workspace = ""] = held.map((descriptor) => `/proc/self/fd/${descriptor}`);
  const pipe = (name: string) => openSync(`${base}/${name}`, constants.O_RDONLY | constants.O_NONBLOCK);
  let isOver = false;
  const over = exit.then(() => {
    isOver = true;
  });
  return {
    base,
    workspace,
    stdout: pipe(IN_BASE.stdout),
    stderr: pipe(IN_BASE.stderr),
    init,
    go() {
      // What process 1 starts inherits this.
      setPriority(init, NICENESS);
      control.end("go\n");
    },
    kill() {
      if (isOver) return;
      // Its parent reaps it: as long as that has not ended, the number belongs to nobody else.
      killIfThere(init, birth);
      const timer = setTimeout(() => child.kill("SIGKILL"), KILL_PATIENCE_MS);
      void over.finally(() => clearTimeout(timer));
    },
    async ended() {
      const [code] = await exit;
      // The kernel ends process 1 of a namespace only after all others in it.
      await death(init, birth);
      return code ?? 128 + 9;
    },
    close: () => held.forEach(closeSync),
  };
}

function killIfThere(pid: number, birth: string | undefined): void {
  try {
    if (isAlive(pid, birth)) process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

async function death(pid: number, birth: string | undefined): Promise<void> {
  for (const since = performance.now(); isAlive(pid, birth); ) {
    if (performance.now() - since > DEATH_PATIENCE_MS) throw new Error("a process of the sandbox does not die");
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

function isAlive(pid: number, birth: string | undefined): boolean {
  return birth !== undefined && birthOf(pid) === birth;
}

/** Tells a process from a later one of the same number; undefined where there is none, or only its remains. */
function birthOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Keeps the beginning of what a pipe says. */
function collectLog(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (piece: string) => {
    if (text.length < LOG_CHARACTERS) text += piece;
  });
  stream.on("error", () => undefined);
  return () => text;
}

import { type ChildProcess, type IOType, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, writeFileSync, writeSync } from "node:fs";
import { setPriority } from "node:os";
import type { Duplex, Readable, Writable } from "node:stream";
import { SandboxUnavailable } from "../../ports/sandbox.js";
import { DESCRIPTORS, IN_BASE, type Launch, launcher } from "./launch-script.js";
import { childOf, death, isAlive, type KnownProcess, killIfAlive, namespaceOf } from "./processes.js";
import { seccompFilter } from "./seccomp.js";

/** A host that takes longer to set a sandbox up is overloaded. */
const START_PATIENCE_MS = 20_000;
/** Bubblewrap's own messages: more than this is no message. */
const LOG_CHARACTERS = 4_000;
/** After this the launcher itself is killed, where killing the keeper did not end it. */
const KILL_PATIENCE_MS = 300;
/** Code runs below the worker's own priority, so that a busy sandbox does not keep the worker from ending it. */
const NICENESS = 5;
/** Where the host is short of memory, the sandbox goes first. */
const OUT_OF_MEMORY_SCORE = "1000";
/** As a shell has it. */
const KILLED = 128 + 9;
/** unshare(1) wants to end as its child did, which nobody can by SIGKILL. */
const UNSHARE_ON_A_KILLED_CHILD = /^unshare: sigprocmask/m;
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
  isAlive(): boolean;
  /** Lets the code run. */
  go(): void;
  /** Whether this process may end while it stands: nothing runs in it. */
  idle(isIdle: boolean): void;
  /** Kills every process of it. */
  kill(): void;
  /** Settles once every process is dead, with the exit code as a shell has it: 128 and the number for a signal. */
  ended(): Promise<number>;
  /** Gives the folders up; with them goes all that was written. */
  close(): void;
}

/** What the keeper does once the launcher has made it. */
export interface KeeperTask {
  /** For messages: `bubblewrap`, `gVisor`. */
  readonly name: string;
  readonly script: string;
  /** Arguments of the script. */
  readonly argv: readonly string[];
  /** The code has a namespace of processes of its own in the keeper's; else a kernel of its own. */
  readonly hasOwnFirst: boolean;
  /** It goes on setting up once the worker holds its folders, and hears the word to go through a pipe in its folder. */
  readonly setsUpFirst?: boolean;
}

/**
 * Sets a sandbox up.
 * @param strays descriptors of this process that its programs would inherit
 * @throws SandboxUnavailable where this host can't; the signal's reason; an Error where the host is only short of something
 */
export async function standUp(
  launch: Launch,
  task: KeeperTask,
  { strays, signal }: { readonly strays: readonly number[]; readonly signal: AbortSignal },
): Promise<StandingSandbox> {
  const child = start(launch, task, strays);
  const exit = once(child, "exit") as Promise<[code: number | null]>;
  exit.catch(() => undefined);
  const control = pipeOf(child, DESCRIPTORS.control) as Duplex;
  const log = collect(pipeOf(child, DESCRIPTORS.log) as Readable);
  const keeper = () => (child.pid === undefined ? undefined : childOf(child.pid));
  try {
    await readiness(child, control, { signal, path: launch.host.launcherPath });
    // Nothing may end the sandbox but its end: an error of this pipe says no more than that one.
    control.on("error", () => undefined).resume();
    return standing({ child, control, exit, log, ...firstProcesses(keeper(), task), task, base: launch.host.base });
  } catch (error) {
    const known = keeper();
    if (known) killIfAlive(known);
    child.kill("SIGKILL");
    // A program that could not be started has no exit.
    if (child.pid !== undefined) await exit;
    if (known) await death(known);
    control.destroy();
    signal.throwIfAborted();
    throw startFailure(task.name, error, await log.whole());
  }
}

/** The promise that nobody outlives a sandbox rests on two namespaces of processes, one in the other. */
function firstProcesses(
  keeper: KnownProcess | undefined,
  { hasOwnFirst }: KeeperTask,
): { keeper: KnownProcess; init: KnownProcess } {
  if (keeper && !hasOwnFirst) {
    const { isFirst, depth } = namespaceOf(keeper.pid);
    if (isFirst && depth > 1) return { keeper, init: keeper };
  }
  const init = keeper && childOf(keeper.pid);
  if (!(keeper && init)) throw new Error("it has no process of its own");
  const [outer, inner] = [namespaceOf(keeper.pid), namespaceOf(init.pid)];
  if (!(outer.isFirst && inner.isFirst && outer.depth > 1 && inner.depth > outer.depth)) {
    throw new Error("its processes are in no namespace of their own");
  }
  return { keeper, init };
}

function start({ host, ...launch }: Launch, { script, argv }: KeeperTask, strays: readonly number[]): ChildProcess {
  const nothing = openSync("/dev/null", constants.O_RDONLY);
  const stdio: (IOType | number)[] = ["ignore", "ignore", "pipe", "pipe", "pipe"];
  while (stdio.length <= Math.max(...strays, 0)) stdio.push(strays.includes(stdio.length) ? nothing : "ignore");
  const [program = "", ...options] = launcher(host);
  const child = spawn(program, [...options, script, "launch", ...argv], {
    stdio,
    cwd: "/",
    env: { PATH: host.launcherPath, ...(host.libraryPath ? { LD_LIBRARY_PATH: host.libraryPath } : {}) },
  });
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

/** What process 1 of the sandbox starts inherits its priority. */
function yieldToWorker(init: number): void {
  try {
    setPriority(init, NICENESS);
  } catch {
    // It has just been killed.
  }
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
  { signal, path }: { readonly signal: AbortSignal; readonly path: string },
): Promise<void> {
  const settled = new AbortController();
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(LATE)), START_PATIENCE_MS);
      const isSettled = { signal: settled.signal };
      isSettled.signal.addEventListener("abort", () => clearTimeout(timer));
      signal.addEventListener("abort", () => reject(signal.reason), isSettled);
      child.once("error", (error) => reject(new Error(`util-linux (PATH ${path}): ${error.message}`)));
      child.once("exit", (code, ended) => reject(new Error(`it ended with ${ended ?? `exit code ${code}`}`)));
      control.once("data", () => resolve()).once("error", reject);
    });
  } finally {
    settled.abort();
  }
}

function startFailure(name: string, cause: unknown, log: string): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `${name} could not start a sandbox: ${reason}${log === "" ? "" : ` (${log.trim()})`}`;
  if (SHORTAGE.test(log) || reason === LATE) return new Error(`${message}; the host is short of something`);
  return new SandboxUnavailable(`${message}; ask \`wflo sandbox check\``);
}

interface Started {
  readonly child: ChildProcess;
  readonly control: Duplex;
  readonly exit: Promise<[code: number | null]>;
  readonly log: Log;
  readonly keeper: KnownProcess;
  readonly init: KnownProcess;
  readonly task: KeeperTask;
  readonly base: string;
}

function standing({ child, control, exit, keeper, init, log, task, ...started }: Started): StandingSandbox {
  const held = [started.base, `${started.base}/${IN_BASE.workspace}`].map((folder) =>
    openSync(`/proc/${keeper.pid}/root${folder}`, constants.O_RDONLY | constants.O_DIRECTORY),
  );
  const [base = "", workspace = ""] = held.map((descriptor) => `/proc/self/fd/${descriptor}`);
  const pipe = (name: string) => openSync(`${base}/${name}`, constants.O_RDONLY | constants.O_NONBLOCK);
  let [isOver, wasKilled] = [false, false];
  const over = exit.then(() => {
    isOver = true;
  });
  yieldToWorker(init.pid);
  if (task.setsUpFirst) control.end("stand\n");
  return {
    base,
    workspace,
    stdout: pipe(IN_BASE.stdout),
    stderr: pipe(IN_BASE.stderr),
    init: init.pid,
    isAlive: () => isAlive(keeper),
    go() {
      if (!task.setsUpFirst) control.end("go\n");
      else say("go\n", `${base}/${IN_BASE.word}`);
    },
    idle(isIdle) {
      for (const held of [child, ...(child.stdio as readonly (Partial<Referenced> | null | undefined)[])]) {
        if (isIdle) held?.unref?.();
        else held?.ref?.();
      }
    },
    kill() {
      if (isOver) return;
      wasKilled = true;
      killIfAlive(keeper);
      const timer = setTimeout(() => child.kill("SIGKILL"), KILL_PATIENCE_MS);
      void over.finally(() => clearTimeout(timer));
    },
    async ended() {
      const [code] = await exit;
      // The kernel ends the first process of a namespace only after all others in it.
      await death(keeper);
      return wasKilled || UNSHARE_ON_A_KILLED_CHILD.test(await log.whole()) ? KILLED : (code ?? KILLED);
    },
    close: () => held.forEach(closeSync),
  };
}

/** Pipes of a child process are sockets, which have this besides what their type says. */
type Referenced = Pick<ChildProcess, "ref" | "unref">;

/** A pipe that nobody reads any more is one of a sandbox that has died, which says so itself. */
function say(text: string, pipe: string): void {
  try {
    const descriptor = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(descriptor, text);
    closeSync(descriptor);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error;
  }
}

/** The beginning of what a pipe says. */
interface Log {
  /** Once nobody is left who could say more. */
  whole(): Promise<string>;
}

function collect(stream: Readable): Log {
  let text = "";
  const closed = new Promise((resolve) => stream.once("close", resolve));
  stream.setEncoding("utf8").on("data", (piece: string) => {
    if (text.length < LOG_CHARACTERS) text += piece;
  });
  // The sandbox's end is what counts; a pipe that breaks says no more than that.
  stream.on("error", () => undefined);
  return {
    async whole() {
      await closed;
      return text;
    },
  };
}

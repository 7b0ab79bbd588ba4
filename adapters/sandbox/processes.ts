import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const LOOK_AGAIN_MS = 2;
const DEATH_PATIENCE_MS = 10_000;

/** A process that keeps its identity: another one of the same number, later, is not taken for it. */
export interface KnownProcess {
  readonly pid: number;
  /** When it was started, in the kernel's words. */
  readonly birth: string;
}

/** Fields of /proc/PID/stat, counted from the one after the name. */
const STATE = 0;
const PARENT = 1;
const START_TIME = 19;

/** Undefined where there is none, or only its remains. */
export function knownProcess(pid: number): KnownProcess | undefined {
  const fields = statOf(pid);
  const birth = fields[START_TIME];
  return birth === undefined || ["Z", "X"].includes(fields[STATE] ?? "X") ? undefined : { pid, birth };
}

export function isAlive({ pid, birth }: KnownProcess): boolean {
  return knownProcess(pid)?.birth === birth;
}

export function killIfAlive(known: KnownProcess): void {
  try {
    if (isAlive(known)) process.kill(known.pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

/** @throws Error where it does not die, which a kernel that is well does not let happen */
export async function death(known: KnownProcess): Promise<void> {
  for (const since = performance.now(); isAlive(known); ) {
    if (performance.now() - since > DEATH_PATIENCE_MS) throw new Error("a process of the sandbox does not die");
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** The only child of a process; undefined where it has none. */
export function childOf(pid: number): KnownProcess | undefined {
  const all = () => readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const listed = textOf(`/proc/${pid}/task/${pid}/children`)?.trim();
  // Not every kernel is built with that list.
  const child = listed ?? all().find((other) => statOf(Number(other))[PARENT] === String(pid));
  return child === undefined || child === "" ? undefined : knownProcess(Number(child.split(" ")[0]));
}

/** How many namespaces of processes it is in, from this process's own on, and whether it is the first of the innermost. */
export function namespaceOf(pid: number): { readonly depth: number; readonly isFirst: boolean } {
  const numbers = /^NSpid:\s+(.*)$/m.exec(textOf(`/proc/${pid}/status`) ?? "")?.[1]?.split(/\s+/);
  if (numbers) return { depth: numbers.length, isFirst: numbers.at(-1) === "1" };
  // gVisor does not say the numbers. Who was forked into another namespace than its parent's is the first there.
  const chain = ancestors(pid).map(namespaceName);
  const depth = chain.filter((name, index) => name !== undefined && name !== chain[index + 1]).length;
  return { depth, isFirst: chain.length > 1 && chain[0] !== undefined && chain[0] !== chain[1] };
}

/** Processes and threads of this process's user that it can see. */
export function tasksOfUser(): number {
  const own = String(process.getuid?.());
  const counts = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => textOf(`/proc/${pid}/status`) ?? "")
    .filter((status) => /^Uid:\s+(\d+)/m.exec(status)?.[1] === own)
    .map((status) => Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 1));
  return counts.reduce((total, count) => total + count, 0);
}

/** A process, its parent, and so on up to this process. */
function ancestors(pid: number): number[] {
  const chain: number[] = [];
  for (let at = pid; at > 0 && !chain.includes(at); at = Number(statOf(at)[PARENT] ?? 0)) {
    chain.push(at);
    if (at === process.pid) break;
  }
  return chain;
}

function namespaceName(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

function statOf(pid: number): string[] {
  const text = textOf(`/proc/${pid}/stat`);
  return text === undefined ? [] : text.slice(text.lastIndexOf(")") + 2).split(" ");
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

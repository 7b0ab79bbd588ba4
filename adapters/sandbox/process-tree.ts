import { readdirSync, readFileSync } from "node:fs";

/** What the processes of a sandbox use together. */
export interface TreeUsage {
  readonly processes: number;
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

/** Ticks of the kernel's clock in a second, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4_096;

/** Fields of /proc/PID/stat, counted from the one after the name. */
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;
const CHILDREN_USER_TICKS = 13;
const CHILDREN_SYSTEM_TICKS = 14;
const THREADS = 17;
const RESIDENT_PAGES = 21;

/**
 * Counts the processes of a sandbox through its own /proc, where no others are. Less exact than a cgroup: CPU time of
 * processes that end unwaited-for is lost, and memory that several share is counted once for each.
 * @param init process 1 of the sandbox, as this process sees it
 */
export function measureTree(init: number): TreeUsage {
  const folder = `/proc/${init}/root/proc`;
  const [all, own] = [[] as Usage[], [] as Usage[]];
  for (const pid of processesIn(folder)) {
    const usage = usageOf(`${folder}/${pid}/stat`);
    if (usage) (pid === "1" ? own : all).push(usage);
  }
  const sum = (part: (usage: Usage) => number, usages: readonly Usage[]) =>
    usages.reduce((total, usage) => total + part(usage), 0);
  return {
    processes: sum(({ threads }) => threads, all),
    cpuMs: (sum(({ ticks }) => ticks, [...all, ...own]) * 1_000) / TICKS_PER_SECOND,
    memoryBytes: sum(({ pages }) => pages, all) * PAGE_BYTES,
  };
}

/** What belongs to these processes alone, with their share of what they have in common: slow, for a doubtful case. */
export function sharedMemoryBytes(init: number): number {
  const folder = `/proc/${init}/root/proc`;
  const pids = processesIn(folder);
  const shares = (file: string) => pids.reduce((total, pid) => total + pssBytes(textOf(`${folder}/${pid}/${file}`)), 0);
  // gVisor has no sums, and in its parts what several have in common counts for each.
  return shares("smaps_rollup") || Math.min(shares("smaps"), othersMemoryBytes());
}

/** `Pss:  1234 kB`, once or for each part. */
function pssBytes(smaps: string): number {
  return [...smaps.matchAll(/^Pss:\s+(\d+) kB/gm)].reduce((total, [, kib]) => total + Number(kib) * 1024, 0);
}

/** Of all processes of this gVisor but this one, each page once. */
function othersMemoryBytes(): number {
  const kib = /^Active\(anon\):\s+(\d+) kB/m.exec(textOf("/proc/meminfo"))?.[1];
  return kib === undefined ? Infinity : Number(kib) * 1024 - process.memoryUsage.rss();
}

interface Usage {
  readonly ticks: number;
  readonly threads: number;
  readonly pages: number;
}

function usageOf(file: string): Usage | undefined {
  const text = textOf(file);
  if (text === "") return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (index: number) => Number(fields[index] ?? 0);
  const ticks = field(USER_TICKS) + field(SYSTEM_TICKS) + field(CHILDREN_USER_TICKS) + field(CHILDREN_SYSTEM_TICKS);
  return { ticks, threads: field(THREADS), pages: field(RESIDENT_PAGES) };
}

function processesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@temporalio/client";

/** What one batch of runs took. */
export interface Sample {
  readonly msPerTurn: number;
  readonly turnsPerSecond: number;
  /** User and system time of server and worker together. */
  readonly cpuMsPerTurn: number;
  readonly eventsPerTurn: number;
  readonly bytesPerTurn: number;
}

/** How a variant starts one run; resolves with its workflow id when it has ended. */
export type RunOnce = (turns: number) => Promise<string>;

/** What each variant takes before anything is measured: V8 compiles what is used much, and a worker lives for days. */
export function warmUp(quick: boolean) {
  return { turns: 20, runs: 10, times: quick ? 1 : 5 } as const;
}

/** Linux counts CPU time in ticks of 10 ms. */
const MS_PER_TICK = 10;

/** CPU time that a process has used so far, in milliseconds. Linux only. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

/**
 * CPU time of making a small file in one of a store's folders, in microseconds. A turn makes three (two of the call's
 * journal, one of the transcript). It is dear where many files were deleted minutes ago: ext4 without a journal looks at each
 * of them before it reuses one.
 */
export function newFileUs(folder: string, files = 30): number {
  mkdirSync(folder, { recursive: true });
  const before = process.cpuUsage();
  for (let made = 0; made < files; made += 1) {
    closeSync(openSync(join(folder, crypto.randomUUID()), "wx"));
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / files;
}

/** Memory that a process holds, in MiB. Linux only. */
export function rssMib(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kib) / 1_024);
}

/** Runs so many at once, to their ends, and that so many times one after the other. */
export async function measure(
  client: Client,
  pids: readonly number[],
  runOnce: RunOnce,
  { runs, turns, times }: { readonly runs: number; readonly turns: number; readonly times: number },
): Promise<Sample> {
  const cpuBefore = pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
  const startedAt = performance.now();
  let last = "";
  for (let time = 0; time < times; time += 1) {
    [last = ""] = await Promise.all(Array.from({ length: runs }, async () => await runOnce(turns)));
  }
  const ms = performance.now() - startedAt;
  const cpu = pids.reduce((sum, pid) => sum + cpuMs(pid), 0) - cpuBefore;
  const { historyLength, historySize } = await client.workflow.getHandle(last).describe();
  const all = runs * turns * times;
  return {
    msPerTurn: ms / (turns * times),
    turnsPerSecond: (all * 1_000) / ms,
    cpuMsPerTurn: cpu / all,
    eventsPerTurn: historyLength / turns,
    bytesPerTurn: (historySize ?? 0) / turns,
  };
}

/** Pace of a run's last turns against its first ones, from the times in its histories: 1 is as fast. */
export async function paceOf(client: Client, workflowId: string): Promise<number> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const times: number[] = [];
  for (let runId = raw.workflowExecutionInfo?.firstRunId ?? undefined; runId; ) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const calls = (events ?? []).filter(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === "callModel",
    );
    times.push(
      ...calls.map(({ eventTime }) => Number(eventTime?.seconds ?? 0) * 1_000 + (eventTime?.nanos ?? 0) / 1e6),
    );
    runId = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  }
  const span = (from: number, to: number) => ((times[to] ?? 0) - (times[from] ?? 0)) / (to - from);
  return span(times.length - 20, times.length - 1) / span(1, 20);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Median, least and most. */
export function rangeOf(values: readonly number[]): string {
  return `${median(values).toFixed(1)} (${Math.min(...values).toFixed(1)}–${Math.max(...values).toFixed(1)})`;
}

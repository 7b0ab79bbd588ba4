import { RunFailed } from "../client/client-error.js";
import type { RunEnd, RunResult } from "../client/index.js";
import { formatUsd } from "../core/money.js";
import { unpricedWords } from "./budget-words.js";
import { exitCodeOfFailure, exitCodeOfStatus } from "./exit-codes.js";
import { facts, printable } from "./output.js";
import { grouped } from "./run-progress.js";

/** Where a run is to be found. */
export interface RunPlace {
  readonly workflowId: string;
  readonly runId: string;
  readonly webUrl: string;
}

/** A run that has ended, as `run --json` prints it. */
export type RunReport =
  | (RunPlace & RunResult)
  | (RunPlace & {
      readonly status: Exclude<RunEnd, RunResult["status"]>;
      readonly error: { readonly type: string; readonly message: string; readonly advice: string };
    });

const ENDS: Readonly<Record<string, Exclude<RunEnd, RunResult["status"]>>> = {
  Canceled: "canceled",
  Terminated: "terminated",
  TimedOut: "timed_out",
};

/** Waits for a run's end. @throws ClientError where it can't be waited for */
export async function reportOf(place: RunPlace, result: () => Promise<RunResult>): Promise<RunReport> {
  try {
    return { ...place, ...(await result()) };
  } catch (error) {
    if (!(error instanceof RunFailed)) throw error;
    const { type, message, advice } = error;
    return { ...place, status: ENDS[type] ?? "failed", error: { type, message, advice } };
  }
}

export function exitCodeOfReport(report: RunReport): number {
  return "error" in report ? exitCodeOfFailure(report.error.type) : exitCodeOfStatus(report.status);
}

/** The lines under an answer: how the run ended, what it cost, what it left, where to look. */
export function reportWords(report: RunReport): string {
  if ("error" in report) {
    return facts([
      ["status", report.status],
      ["error", `${report.error.type}: ${printable(report.error.message)}`],
      ["what now", report.error.advice],
      ["run", report.workflowId],
      ["Web UI", report.webUrl],
    ]);
  }
  const { status, stopReason, turns, cost, files } = report;
  const names = Object.keys(files);
  return facts([
    ["status", stopReason === undefined ? status : `${status}: ${printable(stopReason)}`],
    ["turns", grouped(turns)],
    ["cost", costWords(cost)],
    ["files", names.length === 0 ? undefined : `${names.map(printable).join(", ")} (wflo files ${report.workflowId})`],
    ["run", report.workflowId],
    ["Web UI", report.webUrl],
  ]);
}

function costWords({ usd, unconfirmedNanoUsd, savedNanoUsd, unpricedCalls }: RunResult["cost"]): string {
  const notes = [
    ...(unconfirmedNanoUsd > 0 ? [`$${formatUsd(unconfirmedNanoUsd)} of it unconfirmed`] : []),
    ...(savedNanoUsd > 0 ? [`$${formatUsd(savedNanoUsd)} saved by the cache`] : []),
    ...(unpricedCalls > 0 ? [unpricedWords(unpricedCalls)] : []),
  ];
  return `$${usd}${notes.length === 0 ? "" : ` (${notes.join(", ")})`}`;
}

import type { RunDoing, RunResult } from "../core/run.js";

/** How a run ended, in one word: its result's status, or why it has none. */
export type RunEnd = RunResult["status"] | "failed" | "canceled" | "terminated" | "timed_out";

/** What a run does, or how it ended. */
export type RunStateName = RunDoing | RunEnd;

/** Every state that lists of runs may be asked for. */
export const RUN_STATES = [
  ...(["running", "awaiting_approval", "awaiting_budget", "paused", "completing"] as const),
  ...(["completed", "budget_exhausted", "rejected", "max_turns", "limit_reached"] as const),
  ...(["failed", "canceled", "terminated", "timed_out"] as const),
] satisfies readonly RunStateName[];

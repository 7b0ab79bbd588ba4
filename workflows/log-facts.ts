import type { Run } from "./run-context.js";

/** Of the run that this module's copy belongs to. */
let current: Run | undefined;

/** From here on log lines of this workflow say which run's they are. */
export function noteRun(run: Run): void {
  current = run;
}

/** What is on every log line of a run, besides the ids that the SDK puts there. */
export function runFacts(): Readonly<Record<string, unknown>> {
  return current ? { agent: current.input.agent, turn: current.state.turn } : {};
}

import { condition } from "@temporalio/workflow";
import { isHeld, type Run, shouldContinueAsNew } from "./run-context.js";
import { say } from "./run-status.js";

/** Waits while the run is paused or frozen; false when the run should go on in a new history instead. */
export async function waitWhileHeld(run: Run): Promise<boolean> {
  while (isHeld(run)) {
    if (run.state.ending) return true;
    if (run.state.paused) say(run, "paused", "paused by a person; `wflo resume` goes on");
    else say(run, "awaiting_budget", "its budget is frozen; unfreezing it goes on");
    await condition(() => !isHeld(run) || run.state.ending !== null || shouldContinueAsNew(run));
    if (isHeld(run) && !run.state.ending) return false;
  }
  return true;
}

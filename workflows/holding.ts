import { condition } from "@temporalio/workflow";
import { parkLease } from "./account-lease.js";
import { isHeld, type Run, shouldContinueAsNew } from "./run-context.js";
import { say } from "./run-status.js";

/** Waits while the run is paused or frozen; false when the run should go on in a new history instead. */
export async function waitWhileHeld(run: Run): Promise<boolean> {
  const { state } = run;
  while (isHeld(run)) {
    if (state.ending) return true;
    const { paused } = state;
    parkLease(run);
    if (paused) say(run, "paused", "paused by a person; `wflo resume` goes on");
    else if (state.ledger.frozen) say(run, "awaiting_budget", "its budget is frozen; unfreezing it goes on");
    else say(run, "awaiting_budget", `its account ${run.input.account} is frozen; unfreezing that goes on`);
    const changed = () => !isHeld(run) || state.paused !== paused || state.ending !== null;
    await condition(() => changed() || shouldContinueAsNew(run));
    if (!changed()) return false;
  }
  return true;
}

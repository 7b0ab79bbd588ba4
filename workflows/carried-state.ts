import { allHandlersFinished, condition } from "@temporalio/workflow";
import { PART_BYTES } from "../core/activity-contract.js";
import { remember } from "../core/dedupe.js";
import { jsonBytes } from "../core/input-bound.js";
import type { Carried, CarriedRun } from "../core/run.js";
import { markSuspect } from "./account-lease.js";
import { lightenConversation } from "./conversation.js";
import { endFlush, storeWaiting } from "./outbox.js";
import type { Run } from "./run-context.js";
import { onceStored, storedInPieces } from "./store.js";

/** A state that is larger is stored in pieces. */
const TRAVELS_WHOLE_BYTES = 24 * 1024;

/**
 * Packs a run for continue-as-new, inline where it is small. What people send while it is being stored is in it too: it is
 * packed again until nothing changed meanwhile, and the caller goes on without a wait.
 */
export async function packRun(run: Run): Promise<Carried> {
  for (;;) {
    await condition(allHandlersFinished);
    await endFlush(run);
    await lightenConversation(run);
    if (jsonBytes(run.state.outbox.waiting) > PART_BYTES.outbox) {
      await onceStored(run, async () => await storeWaiting(run));
    }
    foldIds(run);
    markSuspect(run);
    const packed: CarriedRun = { input: run.input, state: run.state };
    const before = JSON.stringify(packed);
    const carried =
      jsonBytes(packed) <= TRAVELS_WHOLE_BYTES
        ? packed
        : await onceStored(run, async () => await storedInPieces(packed));
    const unchanged = run.newIds.size === 0 && JSON.stringify(packed) === before;
    const isQuiet = allHandlersFinished() && run.flush === null && run.accountWords === 0;
    if (isQuiet && unchanged) return carried;
    await condition(() => run.accountWords === 0);
  }
}

function foldIds(run: Run): void {
  for (const id of run.newIds) run.state.seen = remember(run.state.seen, id);
  run.newIds.clear();
}

import type { LeaseClaim } from "../core/activity-contract.js";
import { LeaseVoid } from "./failures.js";

/**
 * A reset makes a history that believes to have the lease of the one before, which the account has given to that one alone:
 * only here, where work is never done again, can the two be told apart.
 * @param runId Temporal's id of the history that buys, as the server has it
 * @throws LeaseVoid
 */
export function checkLease(lease: LeaseClaim | undefined, runId: string): void {
  if (lease && isOfReset(lease, runId) && lease.begunIn !== runId) throw new LeaseVoid(runId);
}

/** A reset has made the history that buys. */
export function isOfReset({ history }: LeaseClaim, runId: string): boolean {
  return history !== runId;
}

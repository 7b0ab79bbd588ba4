import type { LedgerEntry } from "./ledger-entries.js";
import { formatUsd, toNanoUsd } from "./money.js";

/* What two ledgers of one run, ours and the provider's, have to agree on, whatever died between them. Pure. */

/** A request as the provider billed it. */
export interface BilledRequest {
  readonly requestId: string;
  readonly nanoUsd: number;
}

/** A run under a fault, as both sides saw it. Money in nano-dollars. */
export interface Evidence {
  readonly capNanoUsd: number;
  /** How the run ended. */
  readonly status: string;
  readonly confirmedNanoUsd: number;
  readonly unconfirmedNanoUsd: number;
  readonly entries: readonly LedgerEntry[];
  readonly billed: readonly BilledRequest[];
  /** Requests that are right under this fault: one a turn, and one more where an answer was lost before it arrived. */
  readonly mostRequests: number;
}

const BOOKED = new Set(["settled", "confirmed"]);

/** What does not hold, for people; empty: all does. */
export function problemsOf(evidence: Evidence): readonly string[] {
  const { capNanoUsd, status, confirmedNanoUsd, unconfirmedNanoUsd, entries, billed, mostRequests } = evidence;
  const ours = confirmedNanoUsd + unconfirmedNanoUsd;
  const theirs = billed.reduce((sum, { nanoUsd }) => sum + nanoUsd, 0);
  const problems: string[] = [];
  if (status !== "completed") problems.push(`the run did not complete: ${status}`);
  if (theirs > capNanoUsd) problems.push(`the provider's bill of ${usd(theirs)} passes the cap of ${usd(capNanoUsd)}`);
  if (ours > capNanoUsd) problems.push(`our books of ${usd(ours)} pass the cap of ${usd(capNanoUsd)}`);
  if (theirs > ours) problems.push(`the provider billed ${usd(theirs)}, and our books have ${usd(ours)}`);
  if (billed.length > mostRequests) {
    problems.push(`${billed.length} requests were billed where ${mostRequests} are right: an answer was bought twice`);
  }
  return [...problems, ...entriesOff(entries, billed)];
}

/** Lines of our books whose request the provider does not have, or has with another cost. */
function entriesOff(entries: readonly LedgerEntry[], billed: readonly BilledRequest[]): string[] {
  const byId = new Map(billed.map((request) => [request.requestId, request.nanoUsd]));
  return entries.flatMap(({ kind, attempt, requestId, nanoUsd }) => {
    if (!BOOKED.has(kind) || requestId === undefined) return [];
    const cost = byId.get(requestId);
    if (cost === undefined) return [`${attempt} is booked for ${requestId}, which the provider does not know`];
    return cost === nanoUsd
      ? []
      : [`${attempt} is booked at ${usd(nanoUsd)}, and ${requestId} was billed at ${usd(cost)}`];
  });
}

function usd(nanoUsd: number): string {
  return `$${formatUsd(toNanoUsd(nanoUsd))}`;
}

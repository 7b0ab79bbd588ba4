import type { Bill } from "../core/activity-contract.js";
import type { ReconcileCommand } from "../core/commands.js";
import { ZERO_USD } from "../core/money.js";
import { costNanoUsd } from "../core/pricing.js";
import { NO_USAGE, type Usage, usageFromAbove } from "../core/usage.js";
import { tendLease } from "./account-lease.js";
import { once } from "./commands.js";
import { bookLate } from "./model-books.js";
import { recordAudit } from "./outbox.js";
import { agentOf, nowMs, type Run } from "./run-context.js";

/**
 * Books what a provider's own list says of attempts that stand as unconfirmed: their usage at the run's prices, or that they
 * were not billed. Attempts that the books do not await change nothing.
 * @returns the attempts that it changed; none where the command was carried out before
 */
export function takeReconciled(run: Run, { attempts, by, id }: ReconcileCommand): readonly string[] {
  const reconciled: string[] = [];
  once(run, "reconciled", id, () => {
    const awaited = attempts.filter(({ attempt }) => Object.hasOwn(run.state.ledger.awaited, attempt));
    reconciled.push(...awaited.map(({ attempt }) => attempt));
    for (const { attempt, usage, requestId } of awaited) bookLate(run, attempt, billOf(run, attempt, usage, requestId));
    recordAudit(run, "budget.reconciled", { attempts: reconciled.slice(0, 50) }, by);
    // What was freed may be what a run waits for.
    run.termsVersion += 1;
    tendLease(run);
  });
  return reconciled;
}

function billOf(run: Run, id: string, counted: Usage | undefined, requestId: string | undefined): Bill {
  const named = requestId === undefined ? {} : { requestId };
  if (!counted) return { kind: "confirmed", nanoUsd: ZERO_USD, usage: NO_USAGE, ...named };
  const usage = usageFromAbove(counted);
  const booked = run.state.ledger.awaited[id]?.model;
  const price = agentOf(run).models.find(({ bookedAs }) => bookedAs === booked)?.price;
  if (!price) return { kind: "unpriced", nanoUsd: ZERO_USD, usage, ...named };
  const askedAtMs = run.state.lost.find((lost) => lost.id === id)?.atMs ?? nowMs();
  return { kind: "confirmed", nanoUsd: costNanoUsd(price, usage, askedAtMs), usage, ...named };
}

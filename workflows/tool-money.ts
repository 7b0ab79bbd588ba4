import type { ToolCallResult } from "../core/activity-contract.js";
import type { ToolPolicy } from "../core/agent.js";
import { type Added, markUnconfirmed, release, reserve, settle } from "../core/ledger.js";
import type { NanoUsd } from "../core/money.js";
import { tendLease } from "./account-lease.js";
import { tellOfMoney } from "./model-books.js";
import { moneyFor } from "./reservation.js";
import { now, type Run } from "./run-context.js";

/** Money that one call of a tool holds. */
export interface ToolHold {
  readonly attempt: string;
  readonly nanoUsd: NanoUsd;
  /** What it is booked as. */
  readonly model: string;
}

/**
 * Holds the most that a tool's call can cost; null for a tool that costs nothing. False where the run has an ending, or goes
 * on in a new history, before there is money for it.
 */
export async function holdForTool(run: Run, callId: string, tool: ToolPolicy): Promise<ToolHold | null | false> {
  const { maxCostNanoUsd } = tool;
  if (maxCostNanoUsd === undefined || maxCostNanoUsd === 0) return null;
  const what = `the tool ${tool.name}`;
  for (;;) {
    if (!(await moneyFor(run, { leastNanoUsd: maxCostNanoUsd, what }))) return false;
    const hold = { attempt: attemptOf(run, callId), nanoUsd: maxCostNanoUsd, model: `tool/${tool.name}` };
    const { attempt, model } = hold;
    const held = reserve(run.state.ledger, { attempt, amountNanoUsd: maxCostNanoUsd, model, at: now() });
    // Tools side by side may have taken it.
    if (held.kind !== "reserved") continue;
    run.state.ledger = held.ledger;
    return hold;
  }
}

/** Books what a call cost: what the tool says, nothing where it was not run, else the most. */
export function settleTool(run: Run, hold: ToolHold, result: ToolCallResult): Added {
  const { attempt, nanoUsd, model } = hold;
  const { ledger } = run.state;
  const at = now();
  const booked = result.stale
    ? release(ledger, attempt, at)
    : result.costNanoUsd === undefined
      ? markUnconfirmed(ledger, attempt, { nanoUsd, at })
      : settle(ledger, attempt, { nanoUsd: result.costNanoUsd, at });
  const added = tellOfMoney(run, model, booked);
  tendLease(run);
  return added;
}

/** The call did not end, or nobody knows how: it may have cost all that it holds. */
export function chargeTool(run: Run, { attempt, nanoUsd, model }: ToolHold): Added {
  const added = tellOfMoney(run, model, markUnconfirmed(run.state.ledger, attempt, { nanoUsd, at: now() }));
  tendLease(run);
  return added;
}

/** Nothing was done. */
export function releaseTool(run: Run, { attempt }: ToolHold): void {
  run.state.ledger = release(run.state.ledger, attempt, now()).ledger;
}

function attemptOf({ state }: Run, callId: string): string {
  const tries = state.toolHolds ?? 0;
  state.toolHolds = tries + 1;
  return `t${state.turn}.${callId.slice(0, 40)}.${tries + 1}`;
}

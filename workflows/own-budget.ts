import { ApplicationFailure, defineQuery, defineSignal, defineUpdate, setHandler } from "@temporalio/workflow";
import { checkTerms } from "../core/commands.js";
import { NONE_SEEN, remember, seen } from "../core/dedupe.js";
import { available, changeTerms, type Ledger, markUnconfirmed, openLedger, reserve, settle } from "../core/ledger.js";
import { type BudgetView, budgetView } from "../core/ledger-report.js";
import { formatUsd, type NanoUsd, parseUsd } from "../core/money.js";
import { now } from "./run-context.js";

/** Money that the agent calls of one's own workflow share: held before each call, settled after it. */
export interface Budget {
  /** What the next call may take at the most. */
  readonly availableNanoUsd: () => NanoUsd;
  /** The same as the `budget` query answers it. */
  readonly view: () => BudgetView;
  /**
   * Holds money for one call.
   * @throws ApplicationFailure `BudgetExhausted` where it does not fit
   */
  readonly hold: (amountNanoUsd: NanoUsd, what: string) => Hold;
}

/** Money that one call holds: ended once, one way or the other. */
export interface Hold {
  readonly settle: (nanoUsd: NanoUsd) => void;
  /** The call failed, and what it cost is not known: charged in full. */
  readonly chargeInFull: () => void;
}

/**
 * A budget for the agent calls of this workflow. It answers the `budget` query and takes the `budgetCheck` signal and the
 * `addBudget` update as a run does. One in a workflow.
 * @param terms `limitUsd` as in an agent run's input
 * @throws ApplicationFailure `InvalidInput` for what is no amount
 */
export function budget(terms: { readonly limitUsd: string | number }): Budget {
  const limit = parseUsd(terms.limitUsd);
  if (typeof limit === "object") throw ApplicationFailure.nonRetryable(`limitUsd: ${limit.problem}`, "InvalidInput");
  let ledger: Ledger = openLedger({ limitNanoUsd: limit });
  let calls = 0;
  listen(
    () => ledger,
    (changed) => {
      ledger = changed;
    },
  );
  return {
    availableNanoUsd: () => available(ledger) as NanoUsd,
    view: () => budgetView(ledger),
    hold(amountNanoUsd, what) {
      calls += 1;
      const attempt = `call${calls}`;
      const held = reserve(ledger, { attempt, amountNanoUsd, model: what, at: now() });
      if (held.kind === "short") {
        const message = `${what} needs $${formatUsd(held.shortByNanoUsd)} more than this workflow's budget has left`;
        throw ApplicationFailure.nonRetryable(message, "BudgetExhausted", { shortByNanoUsd: held.shortByNanoUsd });
      }
      ledger = held.ledger;
      return {
        settle(nanoUsd) {
          ledger = settle(ledger, attempt, { nanoUsd, at: now() }).ledger;
        },
        chargeInFull() {
          ledger = markUnconfirmed(ledger, attempt, { at: now() }).ledger;
        },
      };
    },
  };
}

function listen(read: () => Ledger, write: (ledger: Ledger) => void): void {
  let ids = NONE_SEEN;
  const take = (payload: unknown, addRequired: boolean) => {
    const checked = checkTerms(payload, { addRequired });
    if ("problems" in checked) return checked.problems;
    const { id } = checked.command;
    if (id !== undefined && seen(ids, id)) return [];
    if (id !== undefined) ids = remember(ids, id);
    write(changeTerms(read(), { ...checked.command, at: now() }));
    return [];
  };
  setHandler(defineQuery<BudgetView>("budget"), () => budgetView(read()));
  setHandler(defineSignal<[unknown]>("budgetCheck"), (payload) => void take(payload, false));
  setHandler(
    defineUpdate<BudgetView, [unknown]>("addBudget"),
    (payload) => {
      take(payload, true);
      return budgetView(read());
    },
    {
      validator: (payload) => {
        const checked = checkTerms(payload, { addRequired: true });
        if (!("problems" in checked)) return;
        throw ApplicationFailure.nonRetryable(checked.problems.join("; "), "Refused", { reason: "invalid" });
      },
    },
  );
}

import { checkTerms, type TermsCommand } from "../core/commands.js";
import { changeTerms, termsProblem } from "../core/ledger.js";
import { budgetView, type RunBudgetView } from "../core/ledger-report.js";
import { heldOfAccount } from "./account-lease.js";
import { commandOf, noteRefusal, once, wasCarriedOut } from "./commands.js";
import { refusedBecause } from "./decisions.js";
import { recordAudit, recordEvent } from "./outbox.js";
import { isHeld, now, type Run } from "./run-context.js";

/** Answer of the `budget` query. */
export function budgetOf(run: Run): RunBudgetView {
  const { account } = run.input;
  const leaseNanoUsd = heldOfAccount(run);
  return {
    ...budgetView(run.state.ledger),
    ...(account === undefined ? {} : { account }),
    ...(leaseNanoUsd === undefined ? {} : { leaseNanoUsd }),
  };
}

/** The terms of `addBudget`; those that were carried out already are answered as then. @throws ApplicationFailure `Refused` */
export function topUpOf(run: Run, payload: unknown): TermsCommand {
  const terms = commandOf(checkTerms(payload, { addRequired: true }));
  const isNew = run.ready && !wasCarriedOut(run, "terms", terms.id);
  const problem = isNew ? termsProblem(run.state.ledger, terms) : undefined;
  if (problem !== undefined) throw refusedBecause(problem, "invalid");
  return terms;
}

/** Carries new terms out, once by their id. */
export function takeTerms(run: Run, terms: TermsCommand): void {
  once(run, "terms", terms.id, () => applyTerms(run, terms));
}

/** The terms of a signal. Money that cannot be added is refused on record; a freeze beside it holds. */
export function takeSentTerms(run: Run, terms: TermsCommand): void {
  const problem = wasCarriedOut(run, "terms", terms.id) ? undefined : termsProblem(run.state.ledger, terms);
  const { addNanoUsd: _more, ...rest } = terms;
  if (problem !== undefined) noteRefusal(run, "budgetCheck", problem, terms.by);
  if (problem === undefined) takeTerms(run, terms);
  else if (rest.freeze !== undefined) takeTerms(run, rest);
}

function applyTerms(run: Run, terms: TermsCommand): void {
  const { state } = run;
  state.ledger = changeTerms(state.ledger, { ...terms, at: now() });
  run.termsVersion += 1;
  if (terms.addNanoUsd !== undefined || terms.limitNanoUsd !== undefined) state.model = 0;
  const { limitNanoUsd, frozen } = state.ledger;
  const reason = terms.reason === undefined ? {} : { reason: terms.reason.slice(0, 500) };
  recordEvent(run, "wflo.budget.changed", { by: terms.by, limitNanoUsd, frozen, ...reason });
  recordAudit(run, "budget.changed", { limitNanoUsd, frozen, ...reason }, terms.by);
  if (isHeld(run)) run.callScope?.cancel();
}

import { CancellationScope, condition, getExternalWorkflowHandle, workflowInfo } from "@temporalio/workflow";
import type { LeaseClaim } from "../core/activity-contract.js";
import {
  askFor,
  endLease,
  giveBack,
  giveBackIdle,
  hear,
  historyOf,
  type Lease,
  type LeaseAnswer,
  type LeaseAsk,
  leaseRoom,
  paidElsewhere,
  renewed,
  restate,
  shed,
  spentUnder,
  taken,
} from "../core/lease.js";
import { available } from "../core/ledger.js";
import { addUsdToMost, type NanoUsd, subtractUsdToZero } from "../core/money.js";
import {
  closePeriod,
  freedEarlier,
  heldNanoUsd,
  isStale,
  openRunLease,
  type RunLease,
  runReport,
  runTotals,
} from "../core/run-lease.js";
import { accountWorkflowId, LEASE } from "./names.js";
import { isHeld, type Run, shouldContinueAsNew } from "./run-context.js";
import { say } from "./run-status.js";

/** Opens the lease of a run that an account pays for. @param from the account itself, or the shard of it that the run belongs to */
export function beginLease(run: Run, from: string): void {
  run.state.lease = openRunLease(from, history(), run.state.ledger);
}

/** What the run may commit now, by its own limit and by its lease; null: there is no limit. */
export function spendable(run: Run): NanoUsd | null {
  const { ledger, lease } = run.state;
  const own = available(ledger);
  if (!lease) return own;
  const room = leaseRoom(lease.lease, runTotals(ledger, lease));
  return own === null ? room : (Math.min(own, room) as NanoUsd);
}

/** What the run holds of its account, for the budget query. */
export function heldOfAccount({ state }: Run): NanoUsd | undefined {
  return state.lease ? heldNanoUsd(state.lease) : undefined;
}

/** For a purchase: under which lease it is made, and in which history. */
export function leaseClaim({ state, input }: Run): { readonly lease?: LeaseClaim } {
  if (!state.lease) return {};
  const { suspect, lease } = state.lease;
  const { account = lease.account } = input;
  const history = suspect ? "" : workflowInfo().originalExecutionRunId;
  return { lease: { account, history, begunIn: historyOf(lease.leaseId) } };
}

export type Asked =
  /** The account has said what it gives. */
  | "answered"
  /** Something else has changed that goes before. */
  | "interrupted";

/** Asks the account for money, and waits for its word. Waits on where the same was asked for already. */
export async function askAccount(run: Run, ask: LeaseAsk): Promise<Asked> {
  const { state } = run;
  const { lease } = mine(run);
  const totals = runTotals(state.ledger, mine(run));
  const least = addUsdToMost(totals.committedNanoUsd, ask.leastNanoUsd);
  const isOpen = lease.ask !== null && lease.answered === "no" && lease.ask.leastNanoUsd === least;
  if (!isOpen) speak(run, askFor(lease, totals, ask));
  say(run, "awaiting_budget", `waits for money of the account ${run.input.account}`);
  const terms = run.termsVersion;
  const isAnswered = () => mine(run).lease.answered !== "no" || run.accountProblem !== null;
  const isInterrupted = () =>
    run.termsVersion !== terms || isHeld(run) || state.ending !== null || shouldContinueAsNew(run);
  await condition(() => isAnswered() || isInterrupted());
  return isAnswered() ? "answered" : "interrupted";
}

/** What the account says. */
export function hearAccount(run: Run, answer: LeaseAnswer): void {
  const { state } = run;
  if (!state.lease) return;
  if (answer.overFor !== undefined && answer.leaseId === state.lease.lease.leaseId) {
    renewLease(run, answer.overFor);
    return;
  }
  const { lease: before } = state.lease;
  const heard = hear(before, answer);
  state.lease = { ...state.lease, lease: heard };
  if (heard === before) return;
  if (before.answered !== "granted" && heard.answered === "granted") run.termsVersion += 1;
  if (before.period !== "" && before.period !== heard.period) {
    state.lease = closePeriod(state.lease, state.ledger);
    speak(run, restate(heard));
  }
  tendLease(run);
}

/** The run has taken what it was granted, or goes without it. */
export function noteTaken({ state }: Run): void {
  if (state.lease) state.lease = { ...state.lease, lease: taken(state.lease.lease) };
}

/** After a booking: what is not needed goes back where it belongs. */
export function tendLease(run: Run): void {
  const { state } = run;
  if (!state.lease) return;
  const { run: lease, freedNanoUsd } = freedEarlier(state.lease, state.ledger);
  state.lease = lease;
  if (freedNanoUsd > 0) speak(run, shed(lease.lease, freedNanoUsd));
  if (mine(run).lease.tight) speak(run, giveBackIdle(mine(run).lease, runTotals(state.ledger, mine(run))));
}

/** A run that waits for people gives back what it does not use meanwhile, and says what it has spent. */
export function parkLease(run: Run): void {
  const { state } = run;
  if (!state.lease || state.lease.lease.seq === 0) return;
  const totals = runTotals(state.ledger, state.lease);
  const { lease } = state.lease;
  const isTold = spentUnder(lease, totals) === state.lease.toldSpentNanoUsd;
  speak(run, giveBack(lease, totals) ?? (isTold ? undefined : restate(lease)));
}

/** Gives everything back, and waits until the account has it: nothing of a run that is over is held. */
export async function returnLease(run: Run): Promise<void> {
  const { state } = run;
  if (!state.lease) return;
  speak(run, endLease(state.lease.lease, runTotals(state.ledger, state.lease)));
  await condition(() => run.accountWords === 0);
}

/** A reset has made this history, and its lease is the one of the history before: another one begins. */
export function renewLease(run: Run, runId: string): void {
  const { state } = run;
  if (!state.lease) return;
  const lease = renewed(state.lease.lease, runId, runTotals(state.ledger, state.lease));
  state.lease = { ...openRunLease(lease.account, { runId, originalRunId: runId }, state.ledger), lease };
  run.termsVersion += 1;
}

/** The history before this one has paid for an answer that this one books too. */
export function notePaidElsewhere({ state }: Run, nanoUsd: NanoUsd): void {
  if (state.lease) state.lease = { ...state.lease, lease: paidElsewhere(state.lease.lease, nanoUsd) };
}

/** Carried into a new history, a lease that is not this one's may not look as if it were. */
export function markSuspect({ state }: Run): void {
  if (state.lease && isStale(state.lease, history())) state.lease = { ...state.lease, suspect: true };
}

/**
 * For the account, which looks after a run that said no last word: what may be on its bill. Also where the run believes to
 * have said it: a server drops the words of a run that is terminated before they are out.
 */
export function leaseView({ state }: Run): { leaseId: string; spentNanoUsd: NanoUsd } | null {
  if (!state.lease) return null;
  const { committedNanoUsd } = runTotals(state.ledger, state.lease);
  const { leaseId, baseNanoUsd } = state.lease.lease;
  return { leaseId, spentNanoUsd: subtractUsdToZero(committedNanoUsd, baseNanoUsd) };
}

function speak(run: Run, lease: Lease | undefined): void {
  const { state } = run;
  if (!lease || !state.lease) return;
  const { workflowId } = workflowInfo();
  const said = runReport({ ...state.lease, lease }, state.ledger, { workflowId, ...history() });
  state.lease = said.run;
  run.accountWords += 1;
  // Whatever ends meanwhile, the account has to hear it.
  void CancellationScope.nonCancellable(
    async () => await getExternalWorkflowHandle(accountWorkflowId(lease.account)).signal(LEASE, said.report),
  )
    .then(
      () => {
        run.accountProblem = null;
      },
      () => {
        run.accountProblem = `the account ${lease.account} is not there any more`;
      },
    )
    .finally(() => {
      run.accountWords -= 1;
    });
}

function mine({ state }: Run): RunLease {
  if (!state.lease) throw new Error("the run has an account");
  return state.lease;
}

function history() {
  const { runId, originalExecutionRunId: originalRunId } = workflowInfo();
  return { runId, originalRunId };
}

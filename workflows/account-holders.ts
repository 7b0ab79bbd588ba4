import { CancellationScope, getExternalWorkflowHandle, workflowInfo } from "@temporalio/workflow";
import {
  type AccountBooks,
  everSpent,
  foundAlive,
  foundUnknown,
  freeOf,
  holderOf,
  isOver,
  reclaim,
  report,
  roll,
  rollAbove,
  withHolder,
} from "../core/account.js";
import { answerTo, type Served, serve, totalsOf } from "../core/account-serving.js";
import { type Holder, leasedNow } from "../core/holder.js";
import {
  askFor,
  giveBack,
  giveBackIdle,
  hear,
  type Lease,
  type LeaseAnswer,
  type LeaseReport,
  reportOf,
  restate,
} from "../core/lease.js";
import { addUsdToMost, MAX_NANO_USD, type NanoUsd } from "../core/money.js";
import type { Account } from "./account-context.js";
import { lookAfterHolders } from "./calls.js";
import { accountWorkflowId, LEASE } from "./names.js";
import { recordAudit } from "./outbox.js";
import { nowMs } from "./run-context.js";
import { meters } from "./run-status.js";

/** A holder that has said nothing for so long is looked after: it may be gone. In milliseconds. */
export const SILENT_MS = 20_000;

/** One that holds nothing and waits for nothing, as a run that people are asked about, is only forgotten some day. */
const IDLE_MS = 10 * 60_000;

/** Holders that one look is for. */
const HOLDERS_A_LOOK = 200;

/** After so many looks that found out nothing, a holder that is gone is charged in full. */
const UNKNOWN_LOOKS = 3;

/** What an account leases of the one above is worth many leases of its own. */
const LEASES_ABOVE = 16;

/** What a holder says of itself. */
export function hearHolder(account: Account, said: LeaseReport): void {
  const { state } = account;
  if (isOver(state.books, said)) {
    if (said.ask) tellOver(account, said);
    return;
  }
  state.books = report(state.books, said, nowMs());
  serveSoon(account);
}

/** What the account above says. */
export function hearAbove(account: Account, answer: LeaseAnswer): void {
  const { state } = account;
  const before = state.lease;
  if (!before) return;
  state.lease = hear(before, answer);
  if (state.lease === before) return;
  if (before.period !== "" && before.period !== state.lease.period) {
    state.books = rollAbove(state.books);
    speakAbove(account, restate(state.lease));
  }
  serveSoon(account, before.frozen === state.lease.frozen ? [] : everyone(state.books));
}

/** The period that is over is closed, by the clock; everyone hears of it. */
export function rollPeriod(account: Account): void {
  const { state } = account;
  const before = state.books;
  state.books = roll(before, nowMs());
  if (state.books === before) return;
  const closed = state.books.before;
  if (closed) recordAudit(account, "period.closed", { account: before.account, ...closed });
  serveSoon(account, everyone(state.books));
}

/** Holders wait, or have to hear something: once for all that came together. @param alsoTell all that are to hear of it */
export function serveSoon(account: Account, alsoTell: readonly string[] = []): void {
  account.toServe = true;
  for (const leaseId of alsoTell) account.toTell.add(leaseId);
}

/** Serves those who wait, and tells them and others what they have to know. */
export function serveAll(account: Account): void {
  if (!account.toServe) return;
  const { state } = account;
  const alsoTell = [...account.toTell];
  account.toServe = false;
  account.toTell.clear();
  const { books, tidings, tight, wantedAbove } = serve(state.books, state.lease);
  state.books = books;
  for (const leaseId of new Set([...tidings.keys(), ...alsoTell])) {
    const short = tidings.get(leaseId) === "short";
    const said = answerTo(state.books, leaseId, { above: state.lease, short, tight });
    if (!said) continue;
    state.books = said.books;
    tell(account, leaseId, said.answer);
  }
  tendAbove(account, wantedAbove);
  meters.budgetLeft({ account: state.books.account, nanoUsd: freeOf(state.books) });
}

export function everyone(books: AccountBooks): readonly string[] {
  return Object.keys(books.holders);
}

/** Whoever has been silent for long, or could not be reached. */
function silentHolders({ state }: Account): readonly Holder[] {
  const now = nowMs();
  return Object.values(state.books.holders)
    .filter((holder) => holder.heardAtMs + patienceWith(holder) <= now)
    .slice(0, HOLDERS_A_LOOK);
}

/** How long from now until somebody has to be looked after, in milliseconds; undefined: there is nobody. */
export function nextLookMs({ state }: Account): number | undefined {
  const holders = Object.values(state.books.holders);
  if (holders.length === 0) return undefined;
  return holders.some((holder) => patienceWith(holder) === SILENT_MS) ? SILENT_MS : IDLE_MS;
}

function patienceWith(holder: Holder): number {
  return leasedNow(holder) > 0 || holder.ask !== null ? SILENT_MS : IDLE_MS;
}

/** Looks, beside everything else, whether holders that say nothing are still there. */
export function lookAfterSilent(account: Account): void {
  const silent = silentHolders(account);
  if (account.looking || silent.length === 0) return;
  account.lookNow = false;
  account.looking = true;
  void lookAfter(account, silent).finally(() => {
    account.looking = false;
  });
}

/** Takes back what holders that are gone had. */
async function lookAfter(account: Account, silent: readonly Holder[]): Promise<void> {
  const found = await lookAfterHolders(
    silent.map(({ leaseId, workflowId, runId }) => ({ leaseId, workflowId, runId })),
  );
  const { state } = account;
  for (const holder of found) {
    const known = holderOf(state.books, holder.leaseId);
    // It may have said its last word meanwhile.
    if (!known) continue;
    if (holder.is === "alive") state.books = foundAlive(state.books, holder.leaseId, holder.runId, nowMs());
    else if (holder.spentNanoUsd === undefined && known.unknown + 1 < UNKNOWN_LOOKS) {
      state.books = foundUnknown(state.books, holder.leaseId);
    } else takeBack(account, known, holder.spentNanoUsd);
  }
  serveSoon(account);
}

/** An account that nobody needs money of gives back what it has of the one above, and says what was spent. */
export function settleAbove(account: Account): void {
  const { state } = account;
  if (!state.lease || state.lease.seq === 0 || nowMs() - account.settledAtMs < SILENT_MS) return;
  account.settledAtMs = nowMs();
  const isIdle = everyone(state.books).length === 0;
  const next = isIdle ? giveBack(state.lease, totalsOf(state.books)) : undefined;
  if (next) speakAbove(account, next);
  else if (everSpent(state.books) !== state.toldAboveNanoUsd) speakAbove(account, restate(state.lease));
}

function takeBack(account: Account, holder: Holder, spentNanoUsd: NanoUsd | undefined): void {
  const { state } = account;
  const { workflowId, leaseId, capNanoUsd } = holder;
  state.books = reclaim(state.books, leaseId, spentNanoUsd);
  const facts = { workflowId, leaseId, capNanoUsd, chargedNanoUsd: spentNanoUsd ?? capNanoUsd };
  recordAudit(account, "lease.reclaimed", {
    account: state.books.account,
    ...facts,
    inFull: spentNanoUsd === undefined,
  });
}

/** Asks above for what is missing, and gives back what others need more. */
function tendAbove(account: Account, wanted: Served["wantedAbove"]): void {
  const { state } = account;
  const { lease } = state;
  if (!lease) return;
  const totals = totalsOf(state.books);
  const isAsking = lease.ask !== null && lease.answered !== "granted";
  if (wanted !== undefined) {
    if (isAsking && isAskedFor(lease, addUsdToMost(totals.committedNanoUsd, wanted.leastNanoUsd))) return;
    const most = Math.max(wanted.mostNanoUsd, Math.min(wanted.leastNanoUsd * LEASES_ABOVE, freeOf(state.books)));
    const mostNanoUsd = Math.min(most, MAX_NANO_USD - totals.committedNanoUsd) as NanoUsd;
    speakAbove(account, askFor(lease, totals, { leastNanoUsd: wanted.leastNanoUsd, mostNanoUsd, waits: true }));
  } else if (isAsking && !isWaitedFor(state.books)) speakAbove(account, giveBack(lease, totals));
  else if (lease.tight) speakAbove(account, giveBackIdle(lease, totals));
}

/** An answer that is still to come will do; who was told that there is not so much asks for less. */
function isAskedFor({ ask, answered }: Lease, leastNanoUsd: NanoUsd): boolean {
  const asked = ask?.leastNanoUsd ?? 0;
  return answered === "no" ? asked >= leastNanoUsd : asked === leastNanoUsd;
}

function isWaitedFor({ holders }: AccountBooks): boolean {
  return Object.values(holders).some(({ ask }) => ask !== null);
}

function tell(account: Account, leaseId: string, lease: LeaseAnswer): void {
  const holder = holderOf(account.state.books, leaseId);
  if (!holder) return;
  send(account, holder.workflowId, "budgetCheck", { by: accountWorkflowId(lease.account), lease }, () => {
    const { books } = account.state;
    const unreached = holderOf(books, leaseId);
    if (!unreached) return;
    account.state.books = withHolder(books, { ...unreached, heardAtMs: 0 });
    account.lookNow = true;
  });
}

/** Whoever speaks has no lease here any more: it opens another one. */
function tellOver(account: Account, { leaseId, workflowId, seq, runId }: LeaseReport): void {
  const { books } = account.state;
  const version = books.version + 1;
  account.state.books = { ...books, version };
  const lease: LeaseAnswer = {
    account: books.account,
    leaseId,
    answers: seq,
    version,
    capNanoUsd: 0 as NanoUsd,
    period: books.period,
    frozen: false,
    tight: false,
    overFor: runId,
  };
  send(account, workflowId, "budgetCheck", { by: accountWorkflowId(books.account), lease });
}

function speakAbove(account: Account, lease: Lease | undefined): void {
  const { state } = account;
  if (!lease) return;
  state.lease = lease;
  const { workflowId, runId } = workflowInfo();
  const said = reportOf(lease, totalsOf(state.books), { workflowId, runId, holds: "account" });
  state.toldAboveNanoUsd = everSpent(state.books);
  send(account, accountWorkflowId(lease.account), LEASE, said);
}

function send(account: Account, workflowId: string, signal: string, payload: object, onFailure?: () => void): void {
  account.words += 1;
  void CancellationScope.nonCancellable(async () => await getExternalWorkflowHandle(workflowId).signal(signal, payload))
    .catch(() => onFailure?.())
    .finally(() => {
      account.words -= 1;
    });
}

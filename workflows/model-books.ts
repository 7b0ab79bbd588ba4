import { type ActivityFailure, ApplicationFailure, CancelledFailure, TimeoutFailure } from "@temporalio/workflow";
import type { AttemptFailure, Bill, ModelAnswered, ModelCallRequest, ModelCut } from "../core/activity-contract.js";
import { questionDigest } from "../core/journal-key.js";
import type { JsonObject } from "../core/json.js";
import { type Booked, confirmLate, estimateLate, markUnconfirmed, release, settle, spent } from "../core/ledger.js";
import { formatUsd } from "../core/money.js";
import { notePaidElsewhere } from "./account-lease.js";
import { plainFailure } from "./failures.js";
import { recordEvent } from "./outbox.js";
import { attemptId, type Reservation } from "./reservation.js";
import { agentOf, now, nowMs, type Run } from "./run-context.js";

/** An attempt without an answer, booked. */
export type Failed =
  /** Our own word ended it. */
  | { readonly kind: "cut" }
  /** The blob store is away, so nothing was sent. */
  | { readonly kind: "unasked" }
  /** A reset has made this history: it needs a lease of its own. */
  | { readonly kind: "void"; readonly history: string }
  /** `lost`: the same model may be asked again · `unavailable`: another one, or the run fails */
  | { readonly kind: "lost" | "unavailable"; readonly failure: unknown };

/** Lost attempts whose late answers are asked for; older ones stay `unconfirmed`. */
const LOST_REMEMBERED = 8;

/** Books an answer, and what late answers say of lost attempts. @param reservation null: nothing was held for it */
export function bookAnswer(run: Run, reservation: Reservation | null, answer: ModelAnswered): void {
  const { state } = run;
  const buyer = attemptId(state.turn + 1, answer.attempt);
  // The late answers may have this very one among them.
  const boughtBefore = buyer !== reservation?.id && Object.hasOwn(state.ledger.awaited, buyer);
  for (const { id, bill } of answer.late ?? []) bookLate(run, id, bill);
  if (boughtBefore) bookLate(run, buyer, answer.bill);
  if (reservation) {
    // The answer of another attempt costs this one nothing, unless this one bought too.
    const own = boughtBefore ? answer.ownBill : (answer.ownBill ?? answer.bill);
    if (own && answer.paidElsewhere) notePaidElsewhere(run, own.nanoUsd);
    if (own) book(run, reservation.id, own);
    else state.ledger = release(state.ledger, reservation.id, now()).ledger;
  }
  const { kind, nanoUsd, usage, requestId } = answer.bill;
  recordEvent(run, "wflo.model.called", {
    turn: state.turn + 1,
    model: bookedAs(run, answer.model),
    attempt: answer.attempt,
    outcome: "ok",
    finishReason: answer.finishReason,
    usage: { ...usage },
    nanoUsd,
    ...(kind === "unpriced" ? { unpriced: true } : {}),
    ...(requestId === undefined ? {} : { requestId }),
  });
}

/** A lost attempt's answer came after all: its cost is known, or an estimate of it where the provider did not count. */
export function bookLate(run: Run, id: string, bill: Bill): void {
  const { state } = run;
  state.lost = state.lost.filter((lost) => lost.id !== id);
  if (!Object.hasOwn(state.ledger.awaited, id)) return;
  const explain = bill.kind === "estimated" ? estimateLate : confirmLate;
  tellOfMoney(run, explain(state.ledger, id, settlement(bill)));
}

/** Books a call that our own word has cut. */
export function bookCut(run: Run, reservation: Reservation, request: ModelCallRequest, cut: ModelCut): void {
  for (const { id, bill } of cut.late ?? []) bookLate(run, id, bill);
  if (cut.unsent) run.state.ledger = release(run.state.ledger, reservation.id, now()).ledger;
  else bookUnanswered(run, reservation, request, "cut", cut.bill);
}

/** Books what an attempt without an answer may have cost, and says what may be tried next. */
export function bookFailure(
  run: Run,
  reservation: Reservation,
  request: ModelCallRequest,
  failure: ActivityFailure,
): Failed {
  const { cause } = failure;
  const facts = factsOf(cause);
  const outcome = outcomeOf(failure);
  if (facts?.billed === "none") run.state.ledger = release(run.state.ledger, reservation.id, now()).ledger;
  else bookUnanswered(run, reservation, request, outcome.kind, facts?.bill);
  return outcome;
}

function outcomeOf(failure: ActivityFailure): Failed {
  const { cause } = failure;
  if (cause instanceof CancelledFailure) return { kind: "cut" };
  if (cause instanceof TimeoutFailure) return { kind: "lost", failure: plainFailure(failure) };
  if (!(cause instanceof ApplicationFailure)) return { kind: "unavailable", failure: plainFailure(failure) };
  if (cause.type === "StoreUnavailable") return { kind: "unasked" };
  const history = factsOf(cause)?.leaseVoidIn;
  if (history !== undefined) return { kind: "void", history };
  if (cause.type !== "AttemptLost") return { kind: "unavailable", failure: plainFailure(failure) };
  return { kind: "lost", failure: ApplicationFailure.nonRetryable(cause.message, "ModelUnavailable") };
}

/** The server's word for an activity that was cancelled while no worker had it: before its first try, or between two. */
const NOT_STARTED = "ACTIVITY_ID_NOT_STARTED";

function factsOf(cause: Error | undefined): AttemptFailure | undefined {
  if (!(cause instanceof ApplicationFailure || cause instanceof CancelledFailure)) return undefined;
  const facts: unknown = cause.details?.[0];
  return facts === NOT_STARTED ? { billed: "none" } : (facts as AttemptFailure | undefined);
}

function bookUnanswered(
  run: Run,
  reservation: Reservation,
  request: ModelCallRequest,
  outcome: string,
  bill: Bill | undefined,
): void {
  const { state } = run;
  if (bill) book(run, reservation.id, bill);
  else {
    tellOfMoney(run, markUnconfirmed(state.ledger, reservation.id, { at: now() }));
    const { turn, attempt } = request;
    const lost = { turn, asked: questionDigest(request), attempt, id: reservation.id, atMs: nowMs() };
    state.lost = [...state.lost, lost].slice(-LOST_REMEMBERED);
  }
  const cost: JsonObject = bill
    ? { nanoUsd: bill.nanoUsd, usage: { ...bill.usage } }
    : { unconfirmedNanoUsd: reservation.nanoUsd };
  const { turn, attempt } = request;
  recordEvent(run, "wflo.model.called", { turn, model: reservation.model.bookedAs, attempt, outcome, ...cost });
}

/** An excess over the reservation is booked all the same, and ends a run that has a budget. */
function book(run: Run, id: string, bill: Bill): void {
  const { state } = run;
  const booked =
    bill.kind === "estimated"
      ? markUnconfirmed(state.ledger, id, settlement(bill))
      : settle(state.ledger, id, settlement(bill));
  tellOfMoney(run, booked);
}

function settlement(bill: Bill) {
  const { nanoUsd, usage, requestId } = bill;
  const unpriced = bill.kind === "unpriced";
  return { nanoUsd, usage, unpriced, at: now(), ...(requestId === undefined ? {} : { requestId }) };
}

/** Takes a booking over, and tells what people have to hear of it. */
export function tellOfMoney(run: Run, booked: Booked): void {
  const { state } = run;
  state.ledger = booked.ledger;
  if (booked.softLimitCrossed) recordEvent(run, "wflo.budget.warning", { spentNanoUsd: spent(state.ledger) });
  if (booked.overrunNanoUsd > 0 && state.ledger.limitNanoUsd !== null) {
    const stopReason = `the provider billed $${formatUsd(booked.overrunNanoUsd)} more than the bound of the call`;
    state.ending ??= { status: "budget_exhausted", stopReason };
    recordEvent(run, "wflo.budget.exhausted", { overrunNanoUsd: booked.overrunNanoUsd });
  }
}

/** Names that bookings and events use. */
function bookedAs(run: Run, name: string): string {
  return agentOf(run).models.find(({ model }) => model === name)?.bookedAs ?? name;
}

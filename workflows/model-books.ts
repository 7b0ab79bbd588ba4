import { type ActivityFailure, ApplicationFailure, CancelledFailure, TimeoutFailure } from "@temporalio/workflow";
import type { AttemptFailure, Bill, ModelAnswered, ModelCallRequest, ModelCut } from "../core/activity-contract.js";
import type { EventCost } from "../core/event-data.js";
import { questionDigest } from "../core/journal-key.js";
import {
  type Added,
  type Booked,
  confirmLate,
  estimateLate,
  markUnconfirmed,
  NOTHING_ADDED,
  release,
  settle,
  spent,
} from "../core/ledger.js";
import { formatUsd } from "../core/money.js";
import { notePaidElsewhere } from "./account-lease.js";
import { plainFailure } from "./failures.js";
import { recordEvent } from "./outbox.js";
import { attemptId, type Reservation } from "./reservation.js";
import { agentOf, now, nowMs, type Run } from "./run-context.js";
import { meters } from "./run-status.js";
import { keepTraceIfDear } from "./tracing.js";

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
  const boughtBefore = buyer !== reservation?.id && Object.hasOwn(state.ledger.awaited, buyer);
  // The late answers may have this very one among them.
  for (const { id, bill } of answer.late ?? []) if (id !== buyer) bookLate(run, id, bill);
  let added = boughtBefore ? explain(run, buyer, answer.bill) : NOTHING_ADDED;
  if (reservation) {
    // The answer of another attempt costs this one nothing, unless this one bought too.
    const own = boughtBefore ? answer.ownBill : (answer.ownBill ?? answer.bill);
    if (own && answer.paidElsewhere) notePaidElsewhere(run, own.nanoUsd);
    if (!own) state.ledger = release(state.ledger, reservation.id, now()).ledger;
    else if (boughtBefore) bookUnused(run, reservation, own);
    else added = book(run, reservation, own);
  }
  tellCalled(run, { model: answer.model, attempt: answer.attempt, outcome: "ok", bill: answer.bill }, added, {
    finishReason: answer.finishReason,
  });
}

/** A lost attempt's answer came after all: its cost is known, or an estimate of it where the provider did not count. */
export function bookLate(run: Run, id: string, bill: Bill): void {
  const hold = run.state.ledger.awaited[id];
  const lost = run.state.lost.find((one) => one.id === id);
  if (!hold) return;
  const added = explain(run, id, bill);
  const attempt = lost?.attempt ?? null;
  tellCalled(run, { model: hold.model, attempt, outcome: "late", bill }, added, { turn: lost?.turn ?? null });
}

function explain(run: Run, id: string, bill: Bill): Added {
  const { state } = run;
  state.lost = state.lost.filter((lost) => lost.id !== id);
  const hold = state.ledger.awaited[id];
  if (!hold) return NOTHING_ADDED;
  const explained = bill.kind === "estimated" ? estimateLate : confirmLate;
  return tellOfMoney(run, hold.model, explained(state.ledger, id, settlement(bill)));
}

/** An answer was bought, and that of an attempt before it is the one that counts. */
function bookUnused(run: Run, reservation: Reservation, bill: Bill): void {
  const { attempt, model } = reservation;
  tellCalled(run, { model: model.bookedAs, attempt, outcome: "unused", bill }, book(run, reservation, bill), {});
}

/** What else is known of a call; without `turn` it is the one that goes on. */
interface Facts {
  readonly turn?: number | null;
  readonly finishReason?: string;
}

interface Called {
  readonly model: string;
  readonly attempt: number | null;
  readonly outcome: string;
  readonly bill: Bill;
}

/** The sum of what a run's events say that they cost is what its books say. */
function tellCalled(run: Run, { model, attempt, outcome, bill }: Called, added: Added, facts: Facts): void {
  const { usage, requestId, savedNanoUsd } = bill;
  recordEvent(run, "wflo.model.called", {
    turn: run.state.turn + 1,
    model: bookedAs(run, model),
    attempt,
    outcome,
    ...facts,
    ...(savedNanoUsd === undefined ? { usage: { ...usage } } : { cached: true, savedNanoUsd }),
    ...costFacts(added),
    ...(bill.kind === "confirmed" ? {} : { [bill.kind]: true }),
    ...(requestId === undefined ? {} : { requestId }),
  });
}

/** What an event says of its cost: nano-dollars that are added to what is confirmed, and to what is unconfirmed. */
export function costFacts({ confirmedNanoUsd, unconfirmedNanoUsd }: Added): EventCost {
  return { nanoUsd: confirmedNanoUsd, ...(unconfirmedNanoUsd === 0 ? {} : { unconfirmedNanoUsd }) };
}

/** Books a call that our own word has cut. */
export function bookCut(run: Run, reservation: Reservation, request: ModelCallRequest, cut: ModelCut): void {
  for (const { id, bill } of cut.late ?? []) bookLate(run, id, bill);
  if (cut.unsent) run.state.ledger = release(run.state.ledger, reservation.id, now()).ledger;
  else bookUnanswered(run, reservation, request, "cut", cut);
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
  else bookUnanswered(run, reservation, request, outcome.kind, facts);
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
  { bill, requestId }: Pick<AttemptFailure, "bill" | "requestId"> = {},
): void {
  const { state } = run;
  const { turn, attempt } = request;
  const { model } = reservation;
  if (bill) {
    tellCalled(run, { model: model.bookedAs, attempt, outcome, bill }, book(run, reservation, bill), { turn });
    return;
  }
  const heard = requestId === undefined ? {} : { requestId };
  const added = tellOfMoney(
    run,
    model.bookedAs,
    markUnconfirmed(state.ledger, reservation.id, { at: now(), ...heard }),
  );
  const lost = { turn, asked: questionDigest(request), attempt, id: reservation.id, atMs: nowMs() };
  state.lost = [...state.lost, lost].slice(-LOST_REMEMBERED);
  recordEvent(run, "wflo.model.called", {
    turn,
    model: model.bookedAs,
    attempt,
    outcome,
    ...costFacts(added),
    ...heard,
  });
}

/** An excess over the reservation is booked all the same, and ends a run that has a budget. */
function book(run: Run, { id, model }: Reservation, bill: Bill): Added {
  const { ledger } = run.state;
  const booked =
    bill.kind === "estimated" ? markUnconfirmed(ledger, id, settlement(bill)) : settle(ledger, id, settlement(bill));
  return tellOfMoney(run, model.bookedAs, booked);
}

function settlement(bill: Bill) {
  const { nanoUsd, usage, requestId, savedNanoUsd } = bill;
  const unpriced = bill.kind === "unpriced";
  const facts = { nanoUsd, unpriced, at: now(), ...(requestId === undefined ? {} : { requestId }) };
  // Tokens of the cache were counted by whoever bought them.
  return savedNanoUsd === undefined ? { ...facts, usage } : { ...facts, savedNanoUsd };
}

/** Takes a booking over, and tells what people have to hear of it. */
export function tellOfMoney(run: Run, model: string, booked: Booked): Added {
  const { state, input } = run;
  const { ledger, added } = booked;
  state.ledger = ledger;
  keepTraceIfDear(spent(ledger));
  const isCost = added.confirmedNanoUsd !== 0 || added.unconfirmedNanoUsd !== 0;
  if (isCost) meters.costBooked({ model, account: input.account ?? "", ...added });
  if (booked.softLimitCrossed) recordEvent(run, "wflo.budget.warning", { spentNanoUsd: spent(ledger) });
  if (booked.overrunNanoUsd > 0 && ledger.limitNanoUsd !== null) {
    const stopReason = `the provider billed $${formatUsd(booked.overrunNanoUsd)} more than the bound of the call`;
    state.ending ??= { status: "budget_exhausted", stopReason };
    recordEvent(run, "wflo.budget.exhausted", { overrunNanoUsd: booked.overrunNanoUsd });
  }
  return added;
}

/** Names that bookings and events use. */
function bookedAs(run: Run, name: string): string {
  return agentOf(run).models.find(({ model }) => model === name)?.bookedAs ?? name;
}

import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  sleep,
  TimeoutFailure,
  workflowInfo,
} from "@temporalio/workflow";
import type {
  AttemptFailure,
  Bill,
  ModelAnswered,
  ModelCallRequest,
  ModelCallResult,
} from "../core/activity-contract.js";
import { modelCallKey } from "../core/journal-key.js";
import { type Booked, confirmLate, markUnconfirmed, release, settle, spent } from "../core/ledger.js";
import { formatUsd } from "../core/money.js";
import { callModel } from "./calls.js";
import { plainFailure } from "./failures.js";
import { recordEvent, unpublished, wasPublished } from "./outbox.js";
import { attemptId, type Reservation, reserveForNextCall } from "./reservation.js";
import { agentOf, now, type Run } from "./run-context.js";
import { say } from "./run-status.js";

/** How a turn's model call ended. */
export type ModelTurn =
  | { readonly kind: "answered"; readonly answer: ModelAnswered }
  /** The run has an ending. */
  | { readonly kind: "ended" }
  /** The run goes on in a new history. */
  | { readonly kind: "continue" };

/** Attempts at one answer whose bills are unknown; then the next model, or the end of the run. */
const LOST_ATTEMPTS_PER_MODEL = 5;

/** Pause before the attempts after a lost one, the first excepted; doubled each time. In milliseconds. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** Lost attempts whose late answers are asked for; older ones stay `unconfirmed`. */
const LOST_REMEMBERED = 16;

/** One answer: reserve → call → settle, an attempt at a time, until there is one or no more may be tried. */
export async function modelTurn(run: Run): Promise<ModelTurn> {
  let lost = 0;
  for (;;) {
    const reserved = await reserveForNextCall(run);
    if (reserved.kind !== "reserved") return reserved;
    const outcome = await attempt(run, reserved.reservation);
    if (outcome.kind === "answered") {
      takeAnswer(run, reserved.reservation, outcome);
      return { kind: "answered", answer: outcome };
    }
    if (outcome.kind === "cut") continue;
    lost += 1;
    const givenUp = outcome.kind === "unavailable" || lost >= LOST_ATTEMPTS_PER_MODEL;
    if (givenUp && !toNextModel(run)) throw outcome.failure;
    if (givenUp) lost = 0;
    else if (lost > 1) await sleep(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (lost - 2)));
  }
}

type AttemptOutcome =
  | ModelAnswered
  | { readonly kind: "cut" }
  /** `lost`: the same model may be asked again · `unavailable`: another one, or the run fails */
  | { readonly kind: "lost" | "unavailable"; readonly failure: unknown };

async function attempt(run: Run, reservation: Reservation): Promise<AttemptOutcome> {
  const { state } = run;
  say(run, "running", `turn ${state.turn + 1}: ${reservation.model.model} is thinking`);
  const request = requestFor(run, reservation);
  const scope = new CancellationScope({ cancellable: true });
  run.callScope = scope;
  try {
    const result = await scope.run(async () => await callModel(request, callOptions(run, reservation)));
    if (result.kind === "answered") return result;
    bookCut(run, reservation, request, result);
    if (scopeOfRunIsCancelled()) throw new CancelledFailure("the run was cancelled");
    return { kind: "cut" };
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return bookFailure(run, reservation, request, error);
  } finally {
    run.callScope = null;
  }
}

function requestFor(run: Run, reservation: Reservation): ModelCallRequest {
  const { state } = run;
  return {
    definition: agentOf(run).definition,
    model: reservation.model.model,
    firstRunId: workflowInfo().firstExecutionRunId,
    turn: state.turn + 1,
    attempt: reservation.attempt,
    head: state.head,
    newMessages: state.newMessages,
    maxOutputTokens: reservation.maxOutputTokens,
    reservedNanoUsd: reservation.nanoUsd,
    models: agentOf(run).models.map(({ model }) => model),
    lost: state.lost,
    outbox: unpublished(run),
  };
}

function callOptions(run: Run, reservation: Reservation) {
  const { model, nanoUsd } = reservation;
  return {
    timeoutMs: agentOf(run).modelTimeoutMs,
    fallback: run.state.model + 1 < agentOf(run).models.length,
    summary: `${model.model} · turn ${run.state.turn + 1} · at most $${formatUsd(nanoUsd)}`,
  };
}

/** Books what an attempt without an answer may have cost, and says what may be tried next. */
function bookFailure(
  run: Run,
  reservation: Reservation,
  request: ModelCallRequest,
  failure: ActivityFailure,
): AttemptOutcome {
  const { cause } = failure;
  const facts = cause instanceof ApplicationFailure ? (cause.details?.[0] as AttemptFailure | undefined) : undefined;
  if (facts?.billed === "none") run.state.ledger = release(run.state.ledger, reservation.id, now()).ledger;
  else bookUnknown(run, reservation, request);
  if (cause instanceof CancelledFailure) {
    if (scopeOfRunIsCancelled()) throw failure;
    return { kind: "cut" };
  }
  if (cause instanceof TimeoutFailure) return { kind: "lost", failure };
  if (cause instanceof ApplicationFailure && cause.type === "AttemptLost") {
    return { kind: "lost", failure: ApplicationFailure.nonRetryable(cause.message, "ModelUnavailable") };
  }
  return { kind: "unavailable", failure: plainFailure(failure) };
}

function bookCut(
  run: Run,
  reservation: Reservation,
  request: ModelCallRequest,
  cut: ModelCallResult & { kind: "cut" },
): void {
  if (cut.unsent) run.state.ledger = release(run.state.ledger, reservation.id, now()).ledger;
  else if (cut.bill) book(run, reservation.id, cut.bill);
  else bookUnknown(run, reservation, request);
}

function bookUnknown(run: Run, reservation: Reservation, request: ModelCallRequest): void {
  const { state } = run;
  tellOfMoney(run, markUnconfirmed(state.ledger, reservation.id, { at: now() }));
  const key = modelCallKey({ ...request, workflowId: workflowInfo().workflowId });
  state.lost = [...state.lost, { key, attempt: reservation.attempt, id: reservation.id }].slice(-LOST_REMEMBERED);
}

/** Books an answer, and what late answers say of lost attempts; moves the run to its next turn. */
function takeAnswer(run: Run, reservation: Reservation, answer: ModelAnswered): void {
  const { state } = run;
  const buyer = attemptId(state.turn + 1, answer.attempt);
  const boughtBefore = buyer !== reservation.id && state.lost.some(({ id }) => id === buyer);
  for (const { id, bill } of answer.late ?? []) confirm(run, id, bill);
  if (!boughtBefore) book(run, reservation.id, answer.ownBill ?? answer.bill);
  else {
    confirm(run, buyer, answer.bill);
    if (answer.ownBill) book(run, reservation.id, answer.ownBill);
    else state.ledger = release(state.ledger, reservation.id, now()).ledger;
  }
  state.turn += 1;
  state.attempt = 0;
  state.head = answer.head;
  state.transcriptBytes = answer.transcriptBytes;
  state.newMessages = [];
  const { inputTokens, outputTokens } = answer.bill.usage;
  state.lastCount =
    answer.bill.kind === "estimated"
      ? null
      : { model: answer.model, tokens: inputTokens + outputTokens, transcriptBytes: answer.transcriptBytes };
  state.knownBounds = answer.knownBounds ?? {};
  state.limits = { ...state.limits, tokens: state.limits.tokens + inputTokens + outputTokens };
  if (answer.publishedSeq !== undefined) wasPublished(run, answer.publishedSeq);
  recordEvent(run, "wflo.model.called", {
    turn: state.turn,
    model: reservation.model.bookedAs,
    attempt: answer.attempt,
    finishReason: answer.finishReason,
    usage: { ...answer.bill.usage },
    nanoUsd: answer.bill.nanoUsd,
    ...(answer.bill.requestId === undefined ? {} : { requestId: answer.bill.requestId }),
  });
}

function confirm(run: Run, id: string, bill: Bill): void {
  const { state } = run;
  if (!state.lost.some((lost) => lost.id === id)) return;
  tellOfMoney(run, confirmLate(state.ledger, id, settlement(bill)));
  state.lost = state.lost.filter((lost) => lost.id !== id);
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
  return {
    nanoUsd,
    usage,
    unpriced: bill.kind === "unpriced",
    at: now(),
    ...(requestId === undefined ? {} : { requestId }),
  };
}

/** Takes a booking over, and tells what people have to hear of it. */
function tellOfMoney(run: Run, booked: Booked): void {
  const { state } = run;
  state.ledger = booked.ledger;
  if (booked.softLimitCrossed) recordEvent(run, "wflo.budget.warning", { spentNanoUsd: spent(state.ledger) });
  if (booked.overrunNanoUsd > 0 && state.ledger.limitNanoUsd !== null) {
    const stopReason = `the provider billed $${formatUsd(booked.overrunNanoUsd)} more than the bound of the call`;
    state.ending ??= { status: "budget_exhausted", stopReason };
    recordEvent(run, "wflo.budget.exhausted", { overrunNanoUsd: booked.overrunNanoUsd });
  }
}

/** The run itself is being cancelled, not only this call. */
function scopeOfRunIsCancelled(): boolean {
  return CancellationScope.current().consideredCancelled;
}

/** Falls back; false where there is no further model. */
function toNextModel(run: Run): boolean {
  const next = agentOf(run).models[run.state.model + 1];
  if (!next) return false;
  run.state.model += 1;
  recordEvent(run, "wflo.model.called", { turn: run.state.turn + 1, outcome: "fell back", to: next.model });
  return true;
}

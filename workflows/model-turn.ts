import { ActivityFailure, CancellationScope, CancelledFailure, sleep, workflowInfo } from "@temporalio/workflow";
import type { ModelAnswered, ModelCallRequest } from "../core/activity-contract.js";
import { clipped } from "../core/clip.js";
import { formatUsd } from "../core/money.js";
import { leaseClaim, renewLease, tendLease } from "./account-lease.js";
import { callModel, storeReady } from "./calls.js";
import { bookAnswer, bookCut, bookFailure, bookLate, type Failed } from "./model-books.js";
import { noteCallPublished, recordEvent, unpublished } from "./outbox.js";
import { type Reservation, reserveForNextCall } from "./reservation.js";
import { agentOf, isHeld, nowMs, type Run } from "./run-context.js";
import { beginTurn } from "./run-spans.js";
import { meters, say } from "./run-status.js";
import { isStoreAway } from "./store.js";

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

/** As much of a provider's words goes into an event. */
const WHY_BYTES = 500;

/** So long the answer to a lost attempt is asked for; after it the attempt stays `unconfirmed`. In milliseconds. */
const LATE_ANSWER_MS = 10 * 60_000;

/** One answer: reserve → call → settle, an attempt at a time, until there is one or no more may be tried. */
export async function modelTurn(run: Run): Promise<ModelTurn> {
  let lost = 0;
  for (;;) {
    const reserved = await reserveForNextCall(run);
    if (reserved.kind === "continue" || reserved.kind === "ended") return reserved;
    const outcome = reserved.kind === "join" ? await join(run) : await attempt(run, reserved.reservation);
    tendLease(run);
    if (outcome.kind === "answered") {
      beginNextTurn(run, outcome);
      return { kind: "answered", answer: outcome };
    }
    if (outcome.kind === "unasked") await storeReady();
    if (outcome.kind === "void") renewLease(run, outcome.history);
    if (outcome.kind === "cut" || outcome.kind === "unasked" || outcome.kind === "void") continue;
    lost += 1;
    const givenUp = outcome.kind === "unavailable" || lost >= LOST_ATTEMPTS_PER_MODEL;
    if (givenUp && !toNextModel(run, outcome.failure)) throw outcome.failure;
    if (givenUp) lost = 0;
    else if (lost > 1) await sleep(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (lost - 2)));
  }
}

type AttemptOutcome = ModelAnswered | Failed;

async function attempt(run: Run, reservation: Reservation): Promise<AttemptOutcome> {
  const { state } = run;
  beginTurn(run);
  say(run, "running", `turn ${state.turn + 1}: ${reservation.model.model} is thinking`);
  const request = requestFor(run, reservation);
  const scope = new CancellationScope({ cancellable: true });
  run.callScope = scope;
  state.asking = true;
  try {
    const result = await scope.run(async () => await callModel(request, callOptions(run, reservation)));
    if (result.kind === "answered") {
      noteCallPublished(run, request.outbox, result.publishedSeq);
      bookAnswer(run, reservation, result);
      return result;
    }
    bookCut(run, reservation, request, result);
    state.asking = false;
    throwIfOver();
    return { kind: "cut" };
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const outcome = bookFailure(run, reservation, request, error);
    if (outcome.kind === "cut") {
      state.asking = false;
      throwIfOver();
    }
    return outcome;
  } finally {
    run.callScope = null;
  }
}

/** Takes the answer to a lost attempt, if it is there or on its way; there is no money to buy another. */
async function join(run: Run): Promise<AttemptOutcome> {
  const { state } = run;
  const model = agentOf(run).models[state.model] ?? agentOf(run).models[0];
  if (!model) return { kind: "cut" };
  beginTurn(run);
  say(run, "running", `turn ${state.turn + 1}: looks whether ${model.model} has answered after all`);
  const request = {
    ...requestFor(run, { attempt: state.attempt, model, maxOutputTokens: 1, nanoUsd: 0 }),
    joinOnly: true,
  } as const;
  const scope = new CancellationScope({ cancellable: true });
  run.callScope = scope;
  try {
    const result = await scope.run(async () => await callModel(request, callOptions(run, { model, nanoUsd: 0 })));
    if (result.kind === "answered") {
      noteCallPublished(run, request.outbox, result.publishedSeq);
      bookAnswer(run, null, result);
      return result;
    }
    for (const { id, bill } of result.late ?? []) bookLate(run, id, bill);
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    if (isStoreAway(error)) return { kind: "unasked" };
  } finally {
    run.callScope = null;
  }
  throwIfOver();
  // Whoever paused it has cut this too: then it looks again.
  if (!isHeld(run)) state.lookedAfter = state.attempt;
  return { kind: "cut" };
}

function requestFor(
  run: Run,
  reservation: Pick<Reservation, "attempt" | "model" | "maxOutputTokens"> & { readonly nanoUsd: number },
): ModelCallRequest {
  const { state } = run;
  state.lost = state.lost.filter(({ atMs }) => nowMs() - atMs < LATE_ANSWER_MS);
  return {
    definition: agentOf(run).definition,
    model: reservation.model.model,
    firstRunId: workflowInfo().firstExecutionRunId,
    turn: state.turn + 1,
    attempt: reservation.attempt,
    head: state.head,
    newMessages: state.newMessages,
    maxOutputTokens: reservation.maxOutputTokens,
    reservedNanoUsd: reservation.nanoUsd as Reservation["nanoUsd"],
    lost: state.lost.map(({ turn, asked, attempt: number, id }) => ({ turn, asked, attempt: number, id })),
    outbox: unpublished(run),
    ...leaseClaim(run),
    ...(hasNextModel(run) ? { fallback: true as const } : {}),
  };
}

function callOptions(run: Run, { model, nanoUsd }: Pick<Reservation, "model"> & { readonly nanoUsd: number }) {
  return {
    account: run.input.account,
    timeoutMs: agentOf(run).modelTimeoutMs,
    fallback: hasNextModel(run),
    summary: `${model.model} · turn ${run.state.turn + 1} · at most $${formatUsd(nanoUsd as Reservation["nanoUsd"])}`,
  };
}

function hasNextModel(run: Run): boolean {
  return run.state.model + 1 < agentOf(run).models.length;
}

/** The turn is answered, and what belongs to it is behind the run. */
function beginNextTurn(run: Run, answer: ModelAnswered): void {
  const { state } = run;
  state.turn += 1;
  state.attempt = 0;
  state.asking = false;
  state.lookedAfter = 0;
  state.head = answer.head;
  state.transcriptBytes = answer.transcriptBytes;
  state.newMessages = [];
  const { inputTokens, outputTokens } = answer.bill.usage;
  const tokens = inputTokens + outputTokens;
  state.lastCount =
    answer.bill.kind === "estimated" ? null : { model: answer.model, tokens, transcriptBytes: answer.transcriptBytes };
  state.knownBounds = answer.knownBounds ?? [];
  state.limits = { ...state.limits, tokens: Math.min(Number.MAX_SAFE_INTEGER, state.limits.tokens + tokens) };
}

/** The run is being cancelled, or its time is over: not only this call. */
function throwIfOver(): void {
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure("the run was cancelled");
}

/** Falls back; false where there is no further model. */
function toNextModel(run: Run, failure: unknown): boolean {
  const { models } = agentOf(run);
  const from = models[run.state.model]?.bookedAs ?? "";
  const next = models[run.state.model + 1];
  if (!next) return false;
  run.state.model += 1;
  const why = clipped(failure instanceof Error ? failure.message : String(failure), WHY_BYTES);
  recordEvent(run, "wflo.model.called", { turn: run.state.turn + 1, outcome: "fell back", to: next.model, why });
  meters.modelChanged({ from, to: next.bookedAs, why: "unavailable" });
  return true;
}

import { ApplicationFailure, condition } from "@temporalio/workflow";
import type { RunModel } from "../core/agent.js";
import { firstBound, jsonBytes, nextBound } from "../core/input-bound.js";
import { available, reserve } from "../core/ledger.js";
import { formatUsd, type NanoUsd, ZERO_USD } from "../core/money.js";
import { mayBeAsked } from "../core/policy.js";
import { boundNanoUsd, outputThatFits, type TokenBound } from "../core/pricing.js";
import type { LostCall } from "../core/run.js";
import { gatherQuestion } from "./conversation.js";
import { waitWhileHeld } from "./holding.js";
import { recordEvent } from "./outbox.js";
import { agentOf, isHeld, now, type Run, shouldContinueAsNew } from "./run-context.js";
import { say } from "./run-status.js";

/** Money that is held for one attempt, and the cap that it pays for. */
export interface Reservation {
  /** The ledger's id of the attempt. */
  readonly id: string;
  readonly attempt: number;
  readonly model: RunModel;
  readonly maxOutputTokens: number;
  readonly nanoUsd: NanoUsd;
}

export type Reserved =
  | { readonly kind: "reserved"; readonly reservation: Reservation }
  /** There is no money for another attempt, but the answer to one that was lost may be there or on its way. */
  | { readonly kind: "join" }
  | { readonly kind: "ended" }
  | { readonly kind: "continue" };

/** Output caps that are sent where nobody says otherwise: most of a reservation is output (notes on models). */
const DEFAULT_OUTPUT_TOKENS = 8_192;
const DEFAULT_REASONING_OUTPUT_TOKENS = 16_384;

/** A cap below this returns nothing useful, so it is not bought. */
const USEFUL_OUTPUT_TOKENS = 1_024;
const USEFUL_REASONING_OUTPUT_TOKENS = 4_096;

export function attemptId(turn: number, attempt: number): string {
  return `t${turn}.a${attempt}`;
}

/** Holds money for the next attempt; where there is not enough, does what `onExhausted` says. */
export async function reserveForNextCall(run: Run): Promise<Reserved> {
  const { state } = run;
  for (;;) {
    if (!(await waitWhileHeld(run))) return { kind: "continue" };
    if (state.ending) return { kind: "ended" };
    if (!state.asking) await gatherQuestion(run);
    // Storing takes a moment, in which people may have said something.
    if (isHeld(run) || state.ending) continue;
    const terms = run.termsVersion;
    const reservation = reserveFirstThatFits(run);
    if (reservation) return { kind: "reserved", reservation };
    if (mayStillCome(run)) return { kind: "join" };
    const ended = await exhausted(run, terms);
    if (ended) return ended;
  }
}

/** A lost attempt at the answer that is wanted has not been looked after yet. */
function mayStillCome({ state }: Run): boolean {
  const isWanted = ({ turn, attempt }: LostCall) => turn === state.turn + 1 && attempt > state.lookedAfter;
  return state.asking && state.lost.some(isWanted);
}

/** The current model, or where that may not be asked the next that may; under `degrade` also those after it. */
function reserveFirstThatFits(run: Run): Reservation | undefined {
  const { state, input } = run;
  const degrades = input.budget?.onExhausted === "degrade";
  for (const [index, model] of agentOf(run).models.entries()) {
    if (index < state.model || !isAllowed(run, model)) continue;
    const reservation = tryReserve(run, model, index);
    if (!reservation && degrades) continue;
    if (!reservation) return undefined;
    if (index !== state.model) {
      recordEvent(run, "wflo.budget.changed", { degradedTo: reservation.model.model });
      state.model = index;
    }
    return reservation;
  }
  return undefined;
}

/** A limit that came during the run holds for models without a price too: they are asked no more. */
function isAllowed({ state }: Run, model: RunModel): boolean {
  return mayBeAsked(model, state.ledger.limitNanoUsd, state.agent?.unpriced ?? "allow");
}

function tryReserve(run: Run, model: RunModel, index: number): Reservation | undefined {
  const { state } = run;
  const known = state.knownBounds[index] ?? undefined;
  const inputTokens = known?.inputTokens ?? inputBound(run, model);
  const cap = outputCap(run, model, known);
  const wanted = { inputTokens, outputTokens: Math.min(cap, known?.outputTokens ?? cap) };
  const money = available(state.ledger);
  let maxOutputTokens = cap;
  let amount = model.price ? boundNanoUsd(model.price, wanted) : ZERO_USD;
  if (model.price && money !== null && amount > money) {
    const fits = outputThatFits(model.price, inputTokens, money);
    if (fits === undefined || fits < (model.reasoning ? USEFUL_REASONING_OUTPUT_TOKENS : USEFUL_OUTPUT_TOKENS))
      return undefined;
    maxOutputTokens = Math.min(cap, fits);
    amount = boundNanoUsd(model.price, { inputTokens, outputTokens: maxOutputTokens });
  }
  const attempt = state.attempt + 1;
  const id = attemptId(state.turn + 1, attempt);
  const held = reserve(state.ledger, { attempt: id, amountNanoUsd: amount, model: model.bookedAs, at: now() });
  if (held.kind !== "reserved") return undefined;
  state.ledger = held.ledger;
  state.attempt = attempt;
  return { id, attempt, model, maxOutputTokens, nanoUsd: amount };
}

/** The agent's cap, else a script's own bound, else the default; never above what the model gives. */
function outputCap(run: Run, model: RunModel, known: TokenBound | undefined): number {
  const otherwise = model.reasoning ? DEFAULT_REASONING_OUTPUT_TOKENS : DEFAULT_OUTPUT_TOKENS;
  const cap = run.state.agent?.maxOutputTokens ?? Math.max(known?.outputTokens ?? 0, otherwise);
  return known ? cap : Math.min(cap, model.price?.maxOutputTokens ?? cap);
}

function inputBound(run: Run, model: RunModel): number {
  const { state } = run;
  const newBytes = jsonBytes(state.newMessages);
  const whole = firstBound(model.inputBound, (state.agent?.promptBytes ?? 0) + state.transcriptBytes + newBytes);
  if (state.lastCount?.model !== model.model) return whole;
  const since = state.transcriptBytes - state.lastCount.transcriptBytes + newBytes;
  const counted = nextBound(model.inputBound, state.lastCount.tokens, since, state.newMessages.length);
  return Math.min(whole, counted);
}

function exhaustionOf(run: Run, left: NanoUsd): string {
  const models = agentOf(run).models.slice(run.state.model);
  if (models.some((model) => isAllowed(run, model))) {
    return `the next call does not fit the $${formatUsd(left)} that are left`;
  }
  const advice = "give it one with WFLO_PRICES, or set WFLO_UNPRICED=allow, and fork the run";
  return `the run has a limit now, and the model ${models[0]?.model} has no price, so nothing could hold it: ${advice}`;
}

async function exhausted(run: Run, terms: number): Promise<Reserved | undefined> {
  const { state, input } = run;
  const left = available(state.ledger) ?? ZERO_USD;
  const reason = exhaustionOf(run, left);
  recordEvent(run, "wflo.budget.exhausted", { remainingNanoUsd: left });
  switch (input.budget?.onExhausted) {
    case "throw":
      throw ApplicationFailure.nonRetryable(reason, "BudgetExhausted", { remainingNanoUsd: left });
    case "pause":
      say(run, "awaiting_budget", `${reason}; a top-up goes on`);
      await condition(() => run.termsVersion !== terms || state.ending !== null || shouldContinueAsNew(run));
      return run.termsVersion === terms && !state.ending ? { kind: "continue" } : undefined;
    default:
      state.ending = { status: "budget_exhausted", stopReason: reason };
      return { kind: "ended" };
  }
}

import { ApplicationFailure, condition } from "@temporalio/workflow";
import type { RunModel } from "../core/agent.js";
import { firstBound, nextBound, promptBytes } from "../core/input-bound.js";
import type { LeaseAsk } from "../core/lease.js";
import { available, reserve } from "../core/ledger.js";
import { formatUsd, MAX_NANO_USD, type NanoUsd, ZERO_USD } from "../core/money.js";
import { mayBeAsked } from "../core/policy.js";
import { boundNanoUsd, type CallWindow, type ModelPrice, outputThatFits, type TokenBound } from "../core/pricing.js";
import type { LostCall } from "../core/run.js";
import { askAccount, noteTaken, spendable } from "./account-lease.js";
import { gatherQuestion } from "./conversation.js";
import { waitWhileHeld } from "./holding.js";
import { recordEvent } from "./outbox.js";
import { agentOf, isHeld, now, nowMs, type Run, shouldContinueAsNew } from "./run-context.js";
import { meters, say } from "./run-status.js";

/** Money that is held for one attempt, and the cap that it pays for. */
export interface Reservation {
  /** The ledger's id of the attempt. */
  readonly id: string;
  readonly attempt: number;
  readonly model: RunModel;
  readonly maxOutputTokens: number;
  readonly nanoUsd: NanoUsd;
}

type Ended = { readonly kind: "ended" } | { readonly kind: "continue" };

export type Reserved =
  | { readonly kind: "reserved"; readonly reservation: Reservation }
  /** There is no money for another attempt, but the answer to one that was lost may be there or on its way. */
  | { readonly kind: "join" }
  | Ended;

/** Output caps that are sent where nobody says otherwise: most of a reservation is output (notes on models). */
const DEFAULT_OUTPUT_TOKENS = 8_192;
const DEFAULT_REASONING_OUTPUT_TOKENS = 16_384;

/** A call may begin so long after its reservation: a provider that asks to be left alone is waited for. In milliseconds. */
const WINDOW_OF_A_CALL_MS = 24 * 3_600_000;

/** A cap below this returns nothing useful, so it is not bought. */
const USEFUL_OUTPUT_TOKENS = 1_024;
const USEFUL_REASONING_OUTPUT_TOKENS = 4_096;

export function attemptId(turn: number, attempt: number): string {
  return `t${turn}.a${attempt}`;
}

/** Holds money for the next attempt; where there is not enough, does what `onExhausted` says. */
export async function reserveForNextCall(run: Run): Promise<Reserved> {
  const { state } = run;
  const answered = new Set<number>();
  for (;;) {
    if (!(await waitWhileHeld(run))) return { kind: "continue" };
    if (state.ending) return { kind: "ended" };
    if (!state.asking) await gatherQuestion(run);
    // Storing takes a moment, in which people may have said something.
    if (isHeld(run) || state.ending) continue;
    const terms = run.termsVersion;
    const found = firstThatFits(run, answered);
    noteTaken(run);
    if (found.kind === "reserved") return found;
    if (mayStillCome(run)) return { kind: "join" };
    if (found.kind === "asks") {
      if ((await askAccount(run, found.ask)) === "answered") answered.add(found.index);
      else if (shouldContinueAsNew(run)) return { kind: "continue" };
      continue;
    }
    const ended = await exhausted(run, terms);
    if (ended) return ended;
    answered.clear();
  }
}

/** What something besides a model call may cost. */
interface Wanted {
  readonly leastNanoUsd: NanoUsd;
  /** For people. */
  readonly what: string;
}

/**
 * Waits until the run may commit so much, as `onExhausted` says; false where it has an ending, or should go on in a new
 * history.
 */
export async function moneyFor(run: Run, { leastNanoUsd, what }: Wanted): Promise<boolean> {
  const { state } = run;
  for (let isAnswered = false; ; ) {
    if (!(await waitWhileHeld(run)) || state.ending) return false;
    const terms = run.termsVersion;
    const [own, money] = [available(state.ledger), spendable(run)];
    noteTaken(run);
    if (money === null || leastNanoUsd <= money) return true;
    if (state.lease && !isAnswered && (own === null || leastNanoUsd <= own)) {
      const mostNanoUsd = Math.min(own ?? MAX_NANO_USD, leastNanoUsd * leaseShare(run)) as NanoUsd;
      const waits = run.input.budget?.onExhausted === "pause";
      isAnswered = (await askAccount(run, { leastNanoUsd, mostNanoUsd, waits })) === "answered";
      if (!isAnswered && shouldContinueAsNew(run)) return false;
      continue;
    }
    const ended = await exhausted(
      run,
      terms,
      `${what} may cost $${formatUsd(leastNanoUsd)}, and $${formatUsd(money)} are left`,
    );
    if (ended) return false;
    isAnswered = false;
  }
}

/** A lost attempt at the answer that is wanted has not been looked after yet. */
function mayStillCome({ state }: Run): boolean {
  const isWanted = ({ turn, attempt }: LostCall) => turn === state.turn + 1 && attempt > state.lookedAfter;
  return state.asking && state.lost.some(isWanted);
}

type Found =
  | { readonly kind: "reserved"; readonly reservation: Reservation }
  /** The run's own limit has room for it; its account has to be asked for money. */
  | { readonly kind: "asks"; readonly index: number; readonly ask: LeaseAsk }
  | { readonly kind: "none" };

/**
 * The current model, or where that may not be asked the next that may; under `degrade` also those after it.
 * @param answered models for which the account has said what it gives: they make do with that
 */
function firstThatFits(run: Run, answered: ReadonlySet<number>): Found {
  const { state, input } = run;
  const degrades = input.budget?.onExhausted === "degrade";
  for (const [index, model] of agentOf(run).models.entries()) {
    if (index < state.model || !isAllowed(run, model)) continue;
    const found = reservationOrAsk(run, { model, index, isLast: answered.has(index) });
    if (found.kind === "none" && degrades) continue;
    if (found.kind === "reserved" && index !== state.model) {
      const from = agentOf(run).models[state.model]?.bookedAs ?? "";
      recordEvent(run, "wflo.budget.changed", { degradedTo: found.reservation.model.model });
      meters.modelChanged({ from, to: found.reservation.model.bookedAs, why: "budget" });
      state.model = index;
    }
    return found;
  }
  return { kind: "none" };
}

/** A limit that came during the run holds for models without a price too: they are asked no more. */
function isAllowed({ state }: Run, model: RunModel): boolean {
  const limitNanoUsd = state.lease ? ZERO_USD : state.ledger.limitNanoUsd;
  return mayBeAsked(model, limitNanoUsd, state.agent?.unpriced ?? "allow");
}

interface Candidate {
  readonly model: RunModel;
  readonly index: number;
  /** The account has said what it gives. */
  readonly isLast: boolean;
}

function reservationOrAsk(run: Run, { model, index, isLast }: Candidate): Found {
  const { ledger } = run.state;
  const wish = wishFor(run, model, index);
  const own = planFor(wish, available(ledger));
  if (!own) return { kind: "none" };
  const money = spendable(run);
  const plan = money === null || own.nanoUsd <= money ? own : isLast ? planFor(wish, money) : undefined;
  const reservation = plan && reservePlan(run, model, plan);
  if (reservation) return { kind: "reserved", reservation };
  if (isLast || !run.state.lease) return { kind: "none" };
  const { leastNanoUsd } = wish;
  const mostNanoUsd = Math.min(available(ledger) ?? MAX_NANO_USD, own.nanoUsd * leaseShare(run)) as NanoUsd;
  const waits = run.input.budget?.onExhausted === "pause";
  return { kind: "asks", index, ask: { leastNanoUsd, mostNanoUsd, waits } };
}

/**
 * Calls that a first lease is to be worth, and every further one: a run speaks to its account a handful of times, however many
 * calls it makes. What the account gives is its own affair (a share of what is left), and it calls back what others need.
 */
const FIRST_LEASE_CALLS = 1_000;
const FURTHER_LEASE_CALLS = 1_000_000;

function leaseShare({ state }: Run): number {
  return (state.lease?.lease.asks ?? 0) === 0 ? FIRST_LEASE_CALLS : FURTHER_LEASE_CALLS;
}

/** A call as it should be, and as it may be at the least. */
interface CallWish {
  readonly price: ModelPrice | undefined;
  readonly inputTokens: number;
  readonly cap: number;
  readonly usefulTokens: number;
  readonly window: CallWindow;
  /** The bound with the whole cap, and with the smallest that is useful. */
  readonly nanoUsd: NanoUsd;
  readonly leastNanoUsd: NanoUsd;
}

interface CallPlan {
  readonly maxOutputTokens: number;
  readonly nanoUsd: NanoUsd;
}

function wishFor(run: Run, model: RunModel, index: number): CallWish {
  const known = run.state.knownBounds[index] ?? undefined;
  const inputTokens = known?.inputTokens ?? inputBound(run, model);
  const cap = outputCap(run, model, known);
  const outputTokens = Math.min(cap, known?.outputTokens ?? cap);
  const usefulTokens = model.reasoning ? USEFUL_REASONING_OUTPUT_TOKENS : USEFUL_OUTPUT_TOKENS;
  const { price } = model;
  const window = { fromMs: nowMs(), toMs: nowMs() + WINDOW_OF_A_CALL_MS + agentOf(run).modelTimeoutMs };
  const boundOf = (output: number) =>
    price ? boundNanoUsd(price, { inputTokens, outputTokens: output }, window) : ZERO_USD;
  const leastNanoUsd = boundOf(Math.min(outputTokens, usefulTokens));
  return { price, inputTokens, cap, usefulTokens, window, nanoUsd: boundOf(outputTokens), leastNanoUsd };
}

/** What of a wish fits the money: all of it, or a smaller output cap that is still useful. */
function planFor(wish: CallWish, money: NanoUsd | null): CallPlan | undefined {
  const { price, inputTokens, cap, usefulTokens, window, nanoUsd } = wish;
  if (!price || money === null || nanoUsd <= money) return { maxOutputTokens: cap, nanoUsd };
  const fits = outputThatFits(price, { inputTokens, money }, window);
  if (fits === undefined || fits < usefulTokens) return undefined;
  const maxOutputTokens = Math.min(cap, fits);
  return { maxOutputTokens, nanoUsd: boundNanoUsd(price, { inputTokens, outputTokens: maxOutputTokens }, window) };
}

function reservePlan(run: Run, model: RunModel, { nanoUsd, maxOutputTokens }: CallPlan): Reservation | undefined {
  const { state } = run;
  const attempt = state.attempt + 1;
  const id = attemptId(state.turn + 1, attempt);
  const held = reserve(state.ledger, { attempt: id, amountNanoUsd: nanoUsd, model: model.bookedAs, at: now() });
  if (held.kind !== "reserved") return undefined;
  state.ledger = held.ledger;
  state.attempt = attempt;
  return { id, attempt, model, maxOutputTokens, nanoUsd };
}

/** The agent's cap, else a script's own bound, else the default; never above what the model gives. */
function outputCap(run: Run, model: RunModel, known: TokenBound | undefined): number {
  const otherwise = model.reasoning ? DEFAULT_REASONING_OUTPUT_TOKENS : DEFAULT_OUTPUT_TOKENS;
  const cap = run.state.agent?.maxOutputTokens ?? Math.max(known?.outputTokens ?? 0, otherwise);
  return known ? cap : Math.min(cap, model.price?.maxOutputTokens ?? cap);
}

function inputBound(run: Run, model: RunModel): number {
  const { state } = run;
  const newBytes = promptBytes(state.newMessages);
  const whole = firstBound(model.inputBound, (state.agent?.promptBytes ?? 0) + state.transcriptBytes + newBytes);
  if (state.lastCount?.model !== model.model) return whole;
  const since = state.transcriptBytes - state.lastCount.transcriptBytes + newBytes;
  const counted = nextBound(model.inputBound, state.lastCount.tokens, since, state.newMessages.length);
  return Math.min(whole, counted);
}

function exhaustionOf(run: Run, left: NanoUsd): string {
  const models = agentOf(run).models.slice(run.state.model);
  if (models.some((model) => isAllowed(run, model))) {
    if (run.accountProblem !== null) return run.accountProblem;
    const own = available(run.state.ledger);
    const lacksOwn = own !== null && own <= left;
    const whose = lacksOwn || !run.state.lease ? "" : ` of the account ${run.input.account}`;
    return `the next call does not fit the $${formatUsd(left)} that are left${whose}`;
  }
  const advice = "give it one with WFLO_PRICES, or set WFLO_UNPRICED=allow, and fork the run";
  return `the run has a limit now, and the model ${models[0]?.model} has no price, so nothing could hold it: ${advice}`;
}

async function exhausted(run: Run, terms: number, why?: string): Promise<Ended | undefined> {
  const { state, input } = run;
  const left = spendable(run) ?? ZERO_USD;
  const reason = why ?? exhaustionOf(run, left);
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

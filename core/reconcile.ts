import type { Usage } from "./usage.js";

/*
 * A provider's list of requests beside our own books. Pure: what matches, what does not, and what that says of attempts that
 * may have been billed. Times are epoch milliseconds, money nano-dollars.
 */

/** A request as the provider lists it. */
export interface TheirRequest {
  /** Line of the file or place in the list, from 1, for people. */
  readonly line: number;
  readonly requestId?: string;
  /** The provider's name of the model. */
  readonly model?: string;
  readonly atMs?: number;
  readonly usage: Usage;
  /** Where the list has money. */
  readonly nanoUsd?: number;
}

/** An attempt as our events tell of it. */
export interface OurAttempt {
  readonly workflowId: string;
  readonly firstRunId: string;
  /** As the run's books name it, such as `t3.a1`. */
  readonly attempt: string;
  /** `provider/model` as it was booked. */
  readonly model: string;
  readonly account: string | null;
  readonly atMs: number;
  readonly requestId?: string;
  readonly usage?: Usage;
  readonly confirmedNanoUsd: number;
  /** Stands as unconfirmed. */
  readonly unconfirmedNanoUsd: number;
}

/** Two figures for one request. */
export interface Drift {
  readonly ours: OurAttempt;
  readonly theirs: TheirRequest;
  /** Theirs less ours. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Null where the list has no money. */
  readonly nanoUsd: number | null;
}

/** What the list says of an attempt that stands as unconfirmed; without `theirs`: it was not billed. */
export interface Explained {
  readonly ours: OurAttempt;
  readonly theirs?: TheirRequest;
}

export interface Reconciliation {
  readonly matched: number;
  readonly drifts: readonly Drift[];
  /** Requests that no run of ours made, as far as our log goes. */
  readonly missingHere: readonly TheirRequest[];
  /** Answers of ours, within the time that the list covers, that it does not have. */
  readonly missingThere: readonly OurAttempt[];
  readonly explained: readonly Explained[];
  /** Unconfirmed still: the list does not say what became of them. */
  readonly open: readonly OurAttempt[];
  /** Lines that contradict each other; the first one of each counts. */
  readonly contradictions: readonly TheirRequest[];
}

export interface ReconcileOptions {
  /** The list has every request of its time for these models: then what it lacks was not billed. */
  readonly complete: boolean;
  /** A request may be listed so long before or after our attempt was booked. */
  readonly withinMs: number;
}

/** Compares a provider's list with our attempts at its models. */
export function reconcile(
  theirs: readonly TheirRequest[],
  ours: readonly OurAttempt[],
  { complete, withinMs }: ReconcileOptions,
): Reconciliation {
  const { listed, contradictions } = once(theirs);
  const byId = new Map(listed.flatMap((one) => (one.requestId === undefined ? [] : [[one.requestId, one] as const])));
  const used = new Set<TheirRequest>();
  const drifts: Drift[] = [];
  const explained: Explained[] = [];
  const missingThere: OurAttempt[] = [];
  const unknown: OurAttempt[] = [];
  const covers = coverage(listed);
  let matched = 0;
  for (const attempt of ours) {
    const found = attempt.requestId === undefined ? undefined : byId.get(attempt.requestId);
    if (found) {
      used.add(found);
      if (attempt.unconfirmedNanoUsd > 0) explained.push({ ours: attempt, theirs: found });
      else {
        matched += 1;
        const drift = driftOf(attempt, found);
        if (drift) drifts.push(drift);
      }
    } else if (attempt.unconfirmedNanoUsd > 0) unknown.push(attempt);
    else if (complete && attempt.requestId !== undefined && covers(attempt, 0)) missingThere.push(attempt);
  }
  const left = listed.filter((one) => !used.has(one));
  const open: OurAttempt[] = [];
  for (const attempt of unknown) {
    const verdict = complete && covers(attempt, withinMs) ? verdictOn(attempt, unknown, left, withinMs) : "open";
    if (verdict === "open") open.push(attempt);
    else if (verdict === "free") explained.push({ ours: attempt });
    else {
      used.add(verdict);
      explained.push({ ours: attempt, theirs: verdict });
    }
  }
  const missingHere = listed.filter((one) => !used.has(one));
  return { matched, drifts, missingHere, missingThere, explained, open, contradictions };
}

/**
 * An attempt whose request's id nobody heard: not billed where no request that could be it is left over; that request where
 * there is one, and no other attempt that it could be; else nobody can tell.
 */
function verdictOn(
  attempt: OurAttempt,
  unknown: readonly OurAttempt[],
  left: readonly TheirRequest[],
  withinMs: number,
): "free" | "open" | TheirRequest {
  if (attempt.requestId !== undefined) return "free";
  const candidates = left.filter((one) => couldBe(attempt, one, withinMs));
  const [only] = candidates;
  if (!only) return "free";
  if (candidates.length > 1) return "open";
  const rivals = unknown.filter((other) => other.requestId === undefined && couldBe(other, only, withinMs));
  return rivals.length === 1 ? only : "open";
}

function couldBe(attempt: OurAttempt, one: TheirRequest, withinMs: number): boolean {
  const isNear = one.atMs === undefined || Math.abs(one.atMs - attempt.atMs) <= withinMs;
  return isNear && (one.model === undefined || isModel(attempt.model, one.model));
}

/** Providers list dated names (`gpt-6-luna-2026-08-01`) of what was asked for without a date, and the other way round. */
function isModel(booked: string, listed: string): boolean {
  const asked = booked.slice(booked.indexOf("/") + 1);
  return asked === listed || asked.startsWith(`${listed}-`) || listed.startsWith(`${asked}-`);
}

/** Whether a list says something of an attempt: its model is in it, and its time is within the list's, by a margin. */
function coverage(listed: readonly TheirRequest[]) {
  const times = listed.flatMap(({ atMs }) => (atMs === undefined ? [] : [atMs]));
  // One after the other: a list may have more lines than a call may have arguments.
  const first = times.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const last = times.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const models = [...new Set(listed.flatMap(({ model }) => (model === undefined ? [] : [model])))];
  return ({ model, atMs }: OurAttempt, marginMs: number) => {
    const isOfModel = models.length === 0 || models.some((listedModel) => isModel(model, listedModel));
    return isOfModel && atMs - marginMs >= first && atMs + marginMs <= last;
  };
}

function driftOf(ours: OurAttempt, theirs: TheirRequest): Drift | undefined {
  const inputTokens = theirs.usage.inputTokens - (ours.usage?.inputTokens ?? 0);
  const outputTokens = theirs.usage.outputTokens - (ours.usage?.outputTokens ?? 0);
  const nanoUsd = theirs.nanoUsd === undefined ? null : theirs.nanoUsd - ours.confirmedNanoUsd;
  if (inputTokens === 0 && outputTokens === 0 && (nanoUsd === null || nanoUsd === 0)) return undefined;
  return { ours, theirs, inputTokens, outputTokens, nanoUsd };
}

/** A list that was exported twice into one file is one list. */
function once(theirs: readonly TheirRequest[]) {
  const first = new Map<string, TheirRequest>();
  const listed: TheirRequest[] = [];
  const contradictions: TheirRequest[] = [];
  for (const one of theirs) {
    const before = one.requestId === undefined ? undefined : first.get(one.requestId);
    if (!before) {
      if (one.requestId !== undefined) first.set(one.requestId, one);
      listed.push(one);
    } else if (factsOf(before) !== factsOf(one)) contradictions.push(one);
  }
  return { listed, contradictions };
}

function factsOf({ line: _line, ...facts }: TheirRequest): string {
  return JSON.stringify(facts);
}

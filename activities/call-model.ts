import type {
  Bill,
  LateBill,
  LostAttempt,
  ModelAnswered,
  ModelCallRequest,
  ModelCallResult,
} from "../core/activity-contract.js";
import type { CapturedAgent, RunModel } from "../core/agent.js";
import { promptBytes } from "../core/input-bound.js";
import { invariant } from "../core/invariant.js";
import { answerKey, modelCallKey } from "../core/journal-key.js";
import type { TokenBound } from "../core/pricing.js";
import type { Message } from "../core/transcript.js";
import type { PassCheckpoint } from "../ports/checkpoints.js";
import type { Meters } from "../ports/meters.js";
import { type ModelAnswer, ModelCallFailed, type Models } from "../ports/models.js";
import type { TokenStream } from "../ports/token-stream.js";
import { NO_TRACER, type Tracer } from "../ports/tracer.js";
import type { Blobs } from "./blobs.js";
import type { CallJournal } from "./call-journal.js";
import { AttemptFailed, NotAsked } from "./failures.js";
import { type KeptAnswer, keepAnswer } from "./keep-answer.js";
import { checkLease, isOfReset } from "./lease-check.js";
import { type Asked, billOf, billOfUsage, keptRequestId } from "./model-bill.js";
import { meterCall } from "./model-meters.js";
import { modelSpan, noteAnswer, noteBill, noteFailure } from "./model-spans.js";
import type { SchemaChecker } from "./schema-checker.js";
import { quietly } from "./span-content.js";
import type { Transcripts } from "./transcript-store.js";

/** What `callModel` is made of. */
export interface CallModelPorts {
  readonly models: Models;
  readonly blobs: Blobs;
  readonly transcripts: Transcripts;
  readonly journal: CallJournal;
  readonly tokens: TokenStream;
  readonly meters: Meters;
  readonly schemas: SchemaChecker;
  readonly now: () => Date;
  readonly checkpoint?: PassCheckpoint;
  /** @default makes no spans */
  readonly tracer?: Tracer;
}

/** What the surrounding activity knows. */
export interface CallContext {
  /** Temporal's. */
  readonly namespace: string;
  readonly workflowId: string;
  /** Temporal's id of the history that calls, as the server has it. */
  readonly runId: string;
  /** Temporal's attempt at this activity, from 1: retries of what was provably not billed. */
  readonly activityAttempt: number;
  /** Aborted when the run wants the call to end (cancel, pause, freeze); never by a time-out: an answer on its way is kept. */
  readonly cut: AbortSignal;
}

/** The journal's lease is renewed this often while a call goes on, in milliseconds: a third of the lease. */
const ALIVE_EVERY_MS = 650;

/** Retries of one reserved attempt are numbered within it; the workflow's next attempt fences them all. */
const RETRIES_PER_ATTEMPT = 10_000;

/**
 * One reserved attempt to get one answer: returns what the journal has, joins a live predecessor, else buys.
 * @throws AttemptFailed for an attempt without an answer, NotAsked where nothing was sent
 */
export async function callModel(
  ports: CallModelPorts,
  request: ModelCallRequest,
  context: CallContext,
): Promise<ModelCallResult> {
  const { workflowId, cut } = context;
  const { firstRunId } = request;
  const journalKey = modelCallKey({ ...request, workflowId });
  const fence = request.attempt * RETRIES_PER_ATTEMPT + Math.min(context.activityAttempt, RETRIES_PER_ATTEMPT - 1);
  const { begun, late } = await unsent(async () => ({
    late: await lateBills(ports.journal, { workflowId, firstRunId }, request.lost),
    begun: request.joinOnly
      ? await joinOrLeave(ports.journal, journalKey, cut)
      : await beginOrJoin(ports.journal, journalKey, fence, cut),
  }));
  const explained = late.length > 0 ? { late } : {};
  if (begun.kind === "none") return { kind: "cut", unsent: true, ...explained };
  const outcome =
    begun.kind === "answered"
      ? { kept: begun.kept }
      : await buy(ports, request, { ...context, journalKey, fence, attempts: begun.attempts });
  if ("cut" in outcome) return { kind: "cut", ...outcome.cut, ...explained };
  // An answer counts without them.
  const knownBounds = await boundsOf(ports, request).catch(() => undefined);
  return {
    ...outcome.kept,
    ...("ownBill" in outcome ? { ownBill: outcome.ownBill } : {}),
    ...(isPaidElsewhere(request, outcome.kept, context.runId) ? { paidElsewhere: true as const } : {}),
    kind: "answered",
    ...(knownBounds ? { knownBounds } : {}),
    ...explained,
  } satisfies ModelAnswered;
}

interface Purchase extends CallContext {
  readonly journalKey: string;
  readonly fence: number;
  /** Attempts at this answer so far, over all retries and crashes. */
  readonly attempts: number;
}

type Bought =
  | { readonly kept: KeptAnswer; readonly ownBill?: Bill }
  | { readonly cut: { readonly bill?: Bill; readonly requestId?: string; readonly unsent?: true } };

async function buy(ports: CallModelPorts, request: ModelCallRequest, purchase: Purchase): Promise<Bought> {
  const { journalKey, fence, cut } = purchase;
  const renew = () => void ports.journal.alive(journalKey, fence).catch(() => {});
  const alive = setInterval(renew, ALIVE_EVERY_MS);
  const startedAt = performance.now();
  try {
    checkLease(request.lease, purchase.runId);
    const question = await unsent(async () => await readQuestion(ports, request));
    if (cut.aborted) {
      await ports.journal.ended(journalKey, fence, "cut before it was sent").catch(() => {});
      return { cut: { unsent: true } };
    }
    const { agent, model } = question;
    const { answer, asked } = await askModel(ports, question, request, purchase);
    ports.checkpoint?.("model.answered");
    const { runId } = purchase;
    const kept = await keepAnswer(ports, { agent, model, request, answer, asked, journalKey, fence, runId });
    ports.checkpoint?.("model.journalled");
    const seconds = (performance.now() - startedAt) / 1_000;
    const bill = kept.ownBill ?? kept.kept.bill;
    meterCall(ports.meters, { model, outcome: bill.savedNanoUsd === undefined ? "ok" : "cached", seconds, bill });
    return kept;
  } catch (error) {
    const failed = error instanceof AttemptFailed ? error : undefined;
    const why = failed?.failure.kind ?? "not asked";
    await ports.journal.ended(journalKey, fence, why).catch(() => {});
    if (failed?.failure.kind !== "cancelled" || !cut.aborted) throw error;
    if (failed.failure.billed === "none") return { cut: { unsent: true } };
    return { cut: failed.bill ? { bill: failed.bill } : keptRequestId(failed.failure.requestId) };
  } finally {
    clearInterval(alive);
  }
}

interface Question {
  readonly agent: CapturedAgent;
  readonly model: RunModel;
  readonly messages: readonly Message[];
}

async function readQuestion(ports: CallModelPorts, request: ModelCallRequest): Promise<Question> {
  const agent = await ports.blobs.getJson<CapturedAgent>(request.definition);
  const model = agent.models.find((candidate) => candidate.model === request.model);
  invariant(model !== undefined, `the captured agent has the model ${request.model}`);
  const messages = await ports.transcripts.question(request.head, request.newMessages);
  return { agent, model, messages };
}

/** Asks the provider: from here on the attempt may be billed. @throws AttemptFailed */
async function askModel(
  ports: CallModelPorts,
  { agent, model, messages }: Question,
  request: ModelCallRequest,
  purchase: Purchase,
): Promise<{ answer: ModelAnswer; asked: Asked }> {
  let seq = 0;
  const tell = (entry: { text?: string; reset?: true }) => {
    seq += 1;
    ports.tokens.append(purchase.workflowId, { turn: request.turn, attempt: purchase.attempts, seq, ...entry });
  };
  if (purchase.attempts > 1) tell({ reset: true });
  ports.checkpoint?.("model.started");
  const { instructions, tools } = agent;
  const question = {
    model: model.model,
    instructions,
    messages,
    tools,
    maxOutputTokens: request.maxOutputTokens,
    ...(agent.temperature === undefined ? {} : { temperature: agent.temperature }),
    turn: request.turn,
    attempt: purchase.attempts,
    conversation: `${purchase.workflowId}/${request.firstRunId}`,
    ...(agent.cacheTtlMs === undefined ? {} : { cache: cacheOf(agent.cacheTtlMs, request, purchase) }),
  };
  const startedAt = performance.now();
  const atMs = ports.now().getTime();
  const { tracer = NO_TRACER } = ports;
  return await modelSpan(tracer, { question, model, agent: agent.name }, async (span) => {
    try {
      const onDelta = (text: string) => void (text !== "" && tell({ text }));
      const answer = await ports.models.call(question, { signal: purchase.cut, onDelta });
      const asked = { atMs, promptBytes: answer.usage ? 0 : promptBytes({ instructions, tools, messages }) };
      quietly(() => {
        noteAnswer(tracer, span, answer);
        noteBill(span, billOf(model, answer, asked));
      });
      return { answer, asked };
    } catch (error) {
      const seconds = (performance.now() - startedAt) / 1_000;
      const failed = failedAttempt(ports, { request, model }, error, { seconds, atMs });
      quietly(() => {
        noteBill(span, failed.bill);
        noteFailure(span, failed.failure);
      });
      throw failed;
    }
  });
}

/** An answer is for those who pay from the same account of the same namespace. */
function cacheOf(ttlMs: number, { lease }: ModelCallRequest, { namespace }: CallContext) {
  return { ttlMs, scope: `${namespace}/${lease?.account ?? ""}` };
}

/** What went wrong, with what it cost. An error that no provider's adapter should throw is an attempt with an unknown bill. */
function failedAttempt(
  ports: CallModelPorts,
  { request, model }: { readonly request: ModelCallRequest; readonly model: RunModel },
  error: unknown,
  { seconds, atMs }: { readonly seconds: number; readonly atMs: number },
): AttemptFailed {
  const failure =
    error instanceof ModelCallFailed
      ? error
      : new ModelCallFailed(`the call of ${model.model} broke: ${error instanceof Error ? error.message : error}`, {
          kind: "retry",
          billed: "unknown",
        });
  const bill = failure.usage ? billOfUsage(model, failure.usage, atMs, failure.requestId) : undefined;
  const outcome = failure.leftAlone ? "left_alone" : failure.kind;
  meterCall(ports.meters, { model, outcome, seconds, bill });
  return new AttemptFailed(failure, { bill, final: failure.leftAlone && request.fallback === true });
}

type Begun =
  | { readonly kind: "answered"; readonly kept: KeptAnswer }
  | { readonly kind: "go"; readonly attempts: number }
  | { readonly kind: "none" };

async function beginOrJoin(journal: CallJournal, key: string, fence: number, cut: AbortSignal): Promise<Begun> {
  for (;;) {
    const begun = await journal.begin(key, fence);
    if (begun.kind === "answered") return { kind: "answered", kept: begun.answer as unknown as KeptAnswer };
    if (begun.kind === "go") return { kind: "go", attempts: begun.attempts };
    const joined = await journal.join(key, cut);
    if (joined !== undefined) return { kind: "answered", kept: joined as unknown as KeptAnswer };
    if (cut.aborted) return { kind: "none" };
  }
}

/** The answer that is there or on its way. */
async function joinOrLeave(journal: CallJournal, key: string, cut: AbortSignal): Promise<Begun> {
  const joined = await journal.join(key, cut);
  return joined === undefined ? { kind: "none" } : { kind: "answered", kept: joined as unknown as KeptAnswer };
}

async function lateBills(
  journal: CallJournal,
  run: { readonly workflowId: string; readonly firstRunId: string },
  lost: readonly LostAttempt[],
): Promise<LateBill[]> {
  const found = lost.map(async ({ turn, asked, attempt, id }) => {
    const answers = await journal.lateAnswers(answerKey({ ...run, turn, asked }));
    const late = answers.find((answer) => Math.floor(answer.attempt / RETRIES_PER_ATTEMPT) === attempt);
    return late ? [{ id, bill: (late.answer as unknown as KeptAnswer).bill }] : [];
  });
  return (await Promise.all(found)).flat();
}

async function boundsOf(
  { models, blobs }: CallModelPorts,
  { definition, turn }: ModelCallRequest,
): Promise<readonly (TokenBound | null)[] | undefined> {
  const agent = await blobs.getJson<CapturedAgent>(definition);
  const bounds = agent.models.map(async ({ model }) => (await models.knownBound(model, turn + 1)) ?? null);
  const known = await Promise.all(bounds);
  return known.some((bound) => bound !== null) ? known : undefined;
}

/** In a history that a reset has made, what the one before bought is paid by its lease. */
function isPaidElsewhere({ lease }: ModelCallRequest, { boughtIn }: KeptAnswer, runId: string): boolean {
  return lease !== undefined && isOfReset(lease, runId) && boughtIn !== runId;
}

/** Whatever goes wrong before a provider is asked was not billed. @throws NotAsked */
async function unsent<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof NotAsked ? error : new NotAsked(error);
  }
}

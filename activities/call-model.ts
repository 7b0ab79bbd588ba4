import type {
  Bill,
  LateBill,
  LostAttempt,
  ModelAnswered,
  ModelCallRequest,
  ModelCallResult,
} from "../core/activity-contract.js";
import type { CapturedAgent, RunModel } from "../core/agent.js";
import { canonicalJson, utf8Bytes } from "../core/digest.js";
import { invariant } from "../core/invariant.js";
import { modelCallKey } from "../core/journal-key.js";
import type { TokenBound } from "../core/pricing.js";
import type { PassCheckpoint } from "../ports/checkpoints.js";
import type { Meters } from "../ports/meters.js";
import { type ModelAnswer, ModelCallFailed, type Models } from "../ports/models.js";
import type { TokenStream } from "../ports/token-stream.js";
import type { Blobs } from "./blobs.js";
import type { CallJournal } from "./call-journal.js";
import { type KeptAnswer, keepAnswer } from "./keep-answer.js";
import { billOfUsage } from "./model-bill.js";
import { meterCall } from "./model-meters.js";
import type { SchemaChecker } from "./schema-checker.js";
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
  readonly checkpoint?: PassCheckpoint;
}

/** What the surrounding activity knows. */
export interface CallContext {
  readonly workflowId: string;
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
 * @throws ModelCallFailed for an attempt without an answer
 */
export async function callModel(
  ports: CallModelPorts,
  request: ModelCallRequest,
  context: CallContext,
): Promise<ModelCallResult> {
  const journalKey = modelCallKey({ ...request, workflowId: context.workflowId });
  const late = await lateBills(ports.journal, request.lost);
  const fence = request.attempt * RETRIES_PER_ATTEMPT + Math.min(context.activityAttempt, RETRIES_PER_ATTEMPT - 1);
  const begun = await beginOrJoin(ports.journal, journalKey, fence, context.cut);
  if (begun.kind === "cut") return { kind: "cut", journalKey, unsent: true };
  const outcome =
    begun.kind === "answered"
      ? { kept: begun.kept }
      : await buy(ports, request, { ...context, journalKey, fence, attempts: begun.attempts });
  if ("cut" in outcome) return { kind: "cut", journalKey, ...outcome.cut };
  const knownBounds = await boundsOf(ports.models, request.models, request.turn + 1);
  return {
    ...outcome.kept,
    ...("ownBill" in outcome ? { ownBill: outcome.ownBill } : {}),
    kind: "answered",
    journalKey,
    ...(knownBounds ? { knownBounds } : {}),
    ...(late.length > 0 ? { late } : {}),
  } satisfies ModelAnswered;
}

interface Purchase extends CallContext {
  readonly journalKey: string;
  readonly fence: number;
  /** Attempts at this answer so far, over all retries and crashes. */
  readonly attempts: number;
}

type Bought = { readonly kept: KeptAnswer; readonly ownBill?: Bill } | { readonly cut: { readonly bill?: Bill } };

async function buy(ports: CallModelPorts, request: ModelCallRequest, purchase: Purchase): Promise<Bought> {
  const agent = await ports.blobs.getJson<CapturedAgent>(request.definition);
  const model = agent.models.find((candidate) => candidate.model === request.model);
  invariant(model !== undefined, `the captured agent has the model ${request.model}`);
  const alive = setInterval(
    () => void ports.journal.alive(purchase.journalKey, purchase.fence).catch(() => {}),
    ALIVE_EVERY_MS,
  );
  const startedAt = performance.now();
  try {
    const { answer, promptBytes } = await askModel(ports, agent, model, request, purchase);
    ports.checkpoint?.("model.answered");
    const { journalKey, fence } = purchase;
    const kept = await keepAnswer(ports, { agent, model, request, answer, promptBytes, journalKey, fence });
    ports.checkpoint?.("model.journalled");
    meterCall(ports.meters, model, "ok", (performance.now() - startedAt) / 1_000, kept.ownBill ?? kept.kept.bill);
    return kept;
  } catch (error) {
    if (!(error instanceof ModelCallFailed)) throw error;
    await ports.journal.ended(purchase.journalKey, purchase.fence, error.kind).catch(() => {});
    const bill = error.usage ? billOfUsage(model, error.usage) : undefined;
    meterCall(ports.meters, model, error.kind, (performance.now() - startedAt) / 1_000, bill);
    if (error.kind !== "cancelled" || !purchase.cut.aborted) throw error;
    return { cut: bill ? { bill } : {} };
  } finally {
    clearInterval(alive);
  }
}

async function askModel(
  ports: CallModelPorts,
  agent: CapturedAgent,
  model: RunModel,
  request: ModelCallRequest,
  purchase: Purchase,
): Promise<{ answer: ModelAnswer; promptBytes: number }> {
  const before = request.head === null ? [] : await ports.transcripts.load(request.head);
  const messages = await ports.transcripts.resolve([...before, ...request.newMessages]);
  let seq = 0;
  const tell = (entry: { text?: string; reset?: true }) => {
    seq += 1;
    ports.tokens.append(purchase.workflowId, { turn: request.turn, attempt: purchase.attempts, seq, ...entry });
  };
  if (purchase.attempts > 1) tell({ reset: true });
  ports.checkpoint?.("model.started");
  const answer = await ports.models.call(
    {
      model: model.model,
      instructions: agent.instructions,
      messages,
      tools: agent.tools,
      maxOutputTokens: request.maxOutputTokens,
      ...(agent.temperature === undefined ? {} : { temperature: agent.temperature }),
      turn: request.turn,
      attempt: purchase.attempts,
      conversation: `${purchase.workflowId}/${request.firstRunId}`,
    },
    { signal: purchase.cut, onDelta: (text) => text !== "" && tell({ text }) },
  );
  const { instructions, tools } = agent;
  return { answer, promptBytes: answer.usage ? 0 : utf8Bytes(canonicalJson({ instructions, tools, messages })) };
}

type Begun =
  | { readonly kind: "answered"; readonly kept: KeptAnswer }
  | { readonly kind: "go"; readonly attempts: number }
  | { readonly kind: "cut" };

async function beginOrJoin(journal: CallJournal, key: string, fence: number, cut: AbortSignal): Promise<Begun> {
  for (;;) {
    const begun = await journal.begin(key, fence);
    if (begun.kind === "answered") return { kind: "answered", kept: begun.answer as unknown as KeptAnswer };
    if (begun.kind === "go") return { kind: "go", attempts: begun.attempts };
    const joined = await journal.join(key, cut);
    if (cut.aborted) return { kind: "cut" };
    if (joined !== undefined) return { kind: "answered", kept: joined as unknown as KeptAnswer };
  }
}

async function lateBills(journal: CallJournal, lost: readonly LostAttempt[]): Promise<LateBill[]> {
  const found: LateBill[] = [];
  for (const attempt of lost) {
    for (const late of await journal.lateAnswers(attempt.key)) {
      if (Math.floor(late.attempt / RETRIES_PER_ATTEMPT) !== attempt.attempt) continue;
      found.push({ id: attempt.id, bill: (late.answer as unknown as KeptAnswer).bill });
    }
  }
  return found;
}

async function boundsOf(
  models: Models,
  names: readonly string[],
  turn: number,
): Promise<Readonly<Record<string, TokenBound>> | undefined> {
  const bounds: Record<string, TokenBound> = {};
  for (const name of names) {
    const bound = await models.knownBound(name, turn);
    if (bound) bounds[name] = bound;
  }
  return Object.keys(bounds).length > 0 ? bounds : undefined;
}

import { ActivityFailure, ApplicationFailure, isCancellation, workflowInfo } from "@temporalio/workflow";
import { INLINE_BYTES, type ResolveAgentRequest, type StoredRequest } from "../core/activity-contract.js";
import type { ResolvedAgent } from "../core/agent.js";
import { openChain } from "../core/audit.js";
import { clipped } from "../core/clip.js";
import { NONE_SEEN } from "../core/dedupe.js";
import { EMPTY_OUTBOX } from "../core/events.js";
import type { RunInput } from "../core/input.js";
import { jsonBytes } from "../core/input-bound.js";
import { openLedger } from "../core/ledger.js";
import { openCounts } from "../core/limits.js";
import type { InPieces } from "../core/pieces.js";
import type { RunState } from "../core/run.js";
import type { Message } from "../core/transcript.js";
import { beginLease } from "./account-lease.js";
import { resolveAgent, resolveAgentNow, storePiece } from "./calls.js";
import { plainFailure } from "./failures.js";
import { recordAudit, recordEvent } from "./outbox.js";
import { now, nowMs, type Run } from "./run-context.js";
import { meters, say } from "./run-status.js";
import { onceStored, whole } from "./store.js";

/** Models that an event names, and as much of each name. */
const MODELS_TOLD = 10;
const MODEL_BYTES = 100;

/** Captures the agent, and everything else that the run begins with. */
export async function beginRun(run: Run): Promise<void> {
  const { input, state } = run;
  meters.runStarted({ agent: input.agent });
  say(run, "running", "starting");
  const agent = await resolved(run);
  state.agent = agent;
  state.ledger = { ...state.ledger, priceBook: agent.priceBook };
  state.knownBounds = agent.knownBounds;
  if (agent.leaseFrom !== undefined) beginLease(run, agent.leaseFrom);
  state.workspace = agent.workspace ?? null;
  if (agent.out) state.files = agent.out;
  state.filesRef = agent.outRef ?? null;
  if (agent.fork) {
    state.turn = agent.fork.turn;
    state.turnsBefore = agent.fork.turn;
    state.head = agent.fork.head;
    state.transcriptBytes = agent.fork.transcriptBytes;
  }
  state.newMessages = firstMessages(run, agent);
  tellBeginning(run, agent);
  run.input = withoutBeginning(input);
}

async function resolved(run: Run): Promise<ResolvedAgent> {
  const request = requestFor(run.input);
  const sent: ResolveAgentRequest | StoredRequest =
    jsonBytes(request) <= INLINE_BYTES / 2
      ? request
      : {
          agent: run.input.agent,
          stored: await onceStored(run, async () => await storePiece(JSON.stringify(request))),
        };
  const agent = await capture(sent).catch((error: unknown) => {
    throw plainFailure(error);
  });
  return await whole<ResolvedAgent>(run, agent);
}

/** A beginning that reads nothing but the agent is quick; what goes wrong for a moment then becomes a step that waits. */
async function capture(request: ResolveAgentRequest | StoredRequest): Promise<ResolvedAgent | InPieces> {
  if (!isQuick(request)) return await resolveAgent(request);
  try {
    return await resolveAgentNow(request);
  } catch (error) {
    if (isCancellation(error) || isFinal(error)) throw error;
    return await resolveAgent(request);
  }
}

function isQuick(request: ResolveAgentRequest | StoredRequest): request is ResolveAgentRequest {
  if ("stored" in request) return false;
  return !request.fork && !request.input && Object.keys(request.files).length === 0 && request.account === undefined;
}

function isFinal(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.nonRetryable === true;
}

function requestFor(input: RunInput): ResolveAgentRequest {
  const { input: said, outputSchema, account, fork } = input;
  return {
    agent: input.agent,
    models: input.models,
    budgeted: input.budget !== undefined || account !== undefined,
    ...(account === undefined ? {} : { account }),
    ...(outputSchema ? { outputSchema } : {}),
    files: input.files,
    ...(said !== null && typeof said !== "string" ? { input: said } : {}),
    ...(fork ? { fork } : {}),
    hasInput: said !== null,
  };
}

/** What the user says first; it carries the files that the run begins with, for those who fork it. */
function firstMessages({ input, state }: Run, agent: ResolvedAgent): readonly Message[] {
  if (input.input === null) return [];
  const text = agent.input ?? input.input;
  const { workspace } = agent;
  return [{ role: "user", text, turn: state.turn + 1, ...(workspace ? { workspace } : {}) }];
}

function tellBeginning(run: Run, agent: ResolvedAgent): void {
  const { input, state } = run;
  const fork = input.fork ? { fork: { ...input.fork } } : {};
  recordEvent(run, "wflo.run.started", {
    agent: agent.name,
    models: agent.models.slice(0, MODELS_TOLD).map(({ model }) => clipped(model, MODEL_BYTES)),
    ...(input.account === undefined ? {} : { account: input.account }),
    labels: input.labels,
    ...fork,
  });
  const { limitNanoUsd } = state.ledger;
  recordAudit(run, "run.started", { agent: agent.name, definition: agent.definition, limitNanoUsd, ...fork });
}

/** What only the beginning needs is not carried along. */
function withoutBeginning(input: RunInput): RunInput {
  const { outputSchema: _schema, fork: _fork, ...rest } = input;
  return { ...rest, input: null, files: {}, labels: {} };
}

export function openRun(input: RunInput): Run {
  return {
    input,
    state: openState(input),
    ready: false,
    beganAt: 0,
    doing: { state: "running", text: "starting", since: now() },
    callScope: null,
    hearing: false,
    workScope: null,
    newIds: new Set(),
    termsVersion: 0,
    accountWords: 0,
    accountProblem: null,
    untaken: null,
    toolsRunning: 0,
    workspaceTurn: Promise.resolve(),
    messagesChecking: 0,
    messageTurn: Promise.resolve(),
    shown: { status: "", at: 0, turn: -1 },
    flush: null,
  };
}

function openState(input: RunInput): RunState {
  const { workflowId, firstExecutionRunId } = workflowInfo();
  const { budget } = input;
  return {
    startedAt: now(),
    agent: null,
    turn: 0,
    turnsBefore: 0,
    attempt: 0,
    asking: false,
    lookedAfter: 0,
    model: 0,
    head: null,
    transcriptBytes: 0,
    lastCount: null,
    knownBounds: [],
    newMessages: [],
    inbox: [],
    inboxStored: [],
    told: [],
    calls: [],
    answer: "",
    dataRef: null,
    flaw: null,
    answered: false,
    repairs: 0,
    ledger: openLedger({
      limitNanoUsd: budget?.limitNanoUsd ?? null,
      softLimitNanoUsd: budget?.softLimitNanoUsd ?? null,
    }),
    lease: null,
    lost: [],
    gates: [],
    gateCount: 0,
    limits: openCounts(nowMs()),
    seen: NONE_SEEN,
    outbox: EMPTY_OUTBOX,
    publishing: { failures: 0, nextTurn: 0 },
    audit: openChain(workflowId, firstExecutionRunId),
    paused: false,
    workspace: null,
    files: {},
    filesRef: null,
    ending: null,
  };
}

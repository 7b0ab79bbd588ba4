import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  ContinueAsNew,
  condition,
  continueAsNew,
  isCancellation,
  sleep,
  TemporalFailure,
  workflowInfo,
} from "@temporalio/workflow";
import type { ModelAnswered } from "../core/activity-contract.js";
import { openChain } from "../core/audit.js";
import { NONE_SEEN } from "../core/dedupe.js";
import { EMPTY_OUTBOX } from "../core/events.js";
import { checkRunInput, type RunInput } from "../core/input.js";
import { openLedger } from "../core/ledger.js";
import { costOf } from "../core/ledger-report.js";
import { checkLimits, openCounts } from "../core/limits.js";
import type { CarriedState, RunResult, RunState } from "../core/run.js";
import { resolveAgent } from "./calls.js";
import { packState, unpackState } from "./carried-state.js";
import { plainFailure } from "./failures.js";
import { modelTurn } from "./model-turn.js";
import { flushAtEnd, recordAudit, recordEvent } from "./outbox.js";
import { now, nowMs, type Run, shouldContinueAsNew } from "./run-context.js";
import { listen } from "./run-messages.js";
import { meters, say, show } from "./run-status.js";
import { toolTurn } from "./tool-turn.js";

/** Turns spent on an answer that does not fit the output schema. */
const MOST_REPAIRS = 2;

/**
 * One agent run, from its input to its answer.
 * @throws ApplicationFailure of the types in CONTRACT.md
 */
export async function agentRun(input: unknown, carried?: CarriedState): Promise<RunResult> {
  const checked = checkRunInput(input);
  if ("problems" in checked) {
    throw ApplicationFailure.nonRetryable(checked.problems.join("; "), "InvalidInput", { problems: checked.problems });
  }
  const run = openRun(checked.input);
  listen(run);
  try {
    if (carried) Object.assign(run.state, await unpackState(carried));
    run.ready = true;
    watchWallTime(run);
    if (!carried) await begin(run);
    do {
      if ((await work(run)) === "in a new history") return await continueInNewHistory(run, input);
    } while (!(await close(run)));
    return resultOf(run);
  } catch (error) {
    return await failed(run, error);
  }
}

/** Turn after turn, until the run has an ending or should go on in a new history. */
async function work(run: Run): Promise<"ended" | "in a new history"> {
  const { state } = run;
  for (;;) {
    if (state.calls.length > 0 && !(await toolTurn(run))) return "in a new history";
    if (!state.ending) checkEnd(run);
    if (state.ending) return "ended";
    if (shouldContinueAsNew()) return "in a new history";
    const turn = await modelTurn(run);
    if (turn.kind === "continue") return "in a new history";
    if (turn.kind === "answered") hear(run, turn.answer);
  }
}

/** Decides what an answer means: tools to run, an end, or one more turn. */
function hear(run: Run, answer: ModelAnswered): void {
  const { state } = run;
  state.answer = answer.text;
  if (answer.toolCalls.length > 0) {
    state.calls = answer.toolCalls.map((call) => ({ call, stage: "asked", args: call.args }));
    return;
  }
  if (answer.finishReason === "content-filter") {
    throw ApplicationFailure.nonRetryable(`${answer.model} refused to answer (content filter)`, "ModelRefused");
  }
  if (answer.dataProblems) {
    repair(run, answer.dataProblems);
    return;
  }
  if (answer.data !== undefined) state.data = answer.data;
  state.answered = true;
}

function repair(run: Run, problems: readonly string[]): void {
  const { state } = run;
  const words = `the answer does not fit outputSchema: ${problems.join("; ")}`;
  state.repairs += 1;
  if (state.repairs > MOST_REPAIRS) {
    state.ending = { status: "limit_reached", stopReason: words };
    return;
  }
  state.newMessages = [
    { role: "user", text: `${words}. Answer again, with the JSON document only.`, turn: state.turn + 1 },
  ];
}

/** Ends that are looked at between turns. What people said after the answer gets a turn of its own. */
function checkEnd(run: Run): void {
  const { state, input } = run;
  if (state.answered && state.inbox.length === 0) {
    state.ending = { status: "completed" };
    return;
  }
  state.answered = false;
  if (state.turn >= input.maxTurns) {
    state.ending = { status: "max_turns", stopReason: `the run may take ${input.maxTurns} turns` };
    return;
  }
  const over = checkLimits(state.limits, input.limits, nowMs());
  if (over) state.ending = { status: "limit_reached", stopReason: over.stopReason };
}

async function begin(run: Run): Promise<void> {
  const { input, state } = run;
  meters.runStarted({ agent: input.agent });
  say(run, "running", "starting");
  const agent = await resolveAgent({
    agent: input.agent,
    models: input.models,
    budgeted: input.budget !== undefined,
    ...(input.account === undefined ? {} : { account: input.account }),
    ...(input.outputSchema ? { outputSchema: input.outputSchema } : {}),
    files: input.files,
  }).catch((error: unknown) => {
    throw plainFailure(error);
  });
  state.agent = agent;
  state.ledger = { ...state.ledger, priceBook: agent.priceBook };
  state.knownBounds = agent.knownBounds;
  state.workspace = agent.workspace ?? null;
  recordEvent(run, "wflo.run.started", {
    agent: agent.name,
    models: agent.models.map(({ model }) => model),
    labels: input.labels,
  });
  recordAudit(run, "run.started", {
    agent: agent.name,
    definition: agent.definition,
    limitNanoUsd: state.ledger.limitNanoUsd,
  });
}

/** Ends a run whose time is over even while it waits or thinks. */
function watchWallTime(run: Run): void {
  const { wallTimeMs } = run.input.limits;
  if (wallTimeMs === undefined) return;
  const leftMs = Math.max(1, run.state.limits.startedAtMs + wallTimeMs - nowMs());
  void sleep(leftMs).then(
    () => {
      const over = checkLimits(run.state.limits, { wallTimeMs }, nowMs());
      if (over) run.state.ending ??= { status: "limit_reached", stopReason: over.stopReason };
      run.callScope?.cancel();
    },
    () => {},
  );
}

async function continueInNewHistory(run: Run, input: unknown): Promise<never> {
  await condition(() => allHandlersFinished() && run.flush === null);
  return await continueAsNew<typeof agentRun>(input, await packState(run.state));
}

/** Tells everybody that the run ends; false where people said something meanwhile, so that it goes on. */
async function close(run: Run): Promise<boolean> {
  const { state } = run;
  const ending = state.ending ?? { status: "completed" };
  say(run, "completing", `ending: ${ending.status}`);
  await condition(allHandlersFinished);
  if (goesOn(run)) return false;
  const { nanoUsd } = costOf(state.ledger);
  recordEvent(run, "wflo.run.completed", { ...ending, nanoUsd, turns: state.turn });
  recordAudit(run, "run.ended", { status: ending.status, nanoUsd });
  await flushAtEnd(run);
  if (goesOn(run)) return false;
  show(run, ending.status);
  closeMeters(run, ending.status);
  return true;
}

/** A message that came after the answer is not lost: it gets a turn, where the run may still take one. */
function goesOn(run: Run): boolean {
  const { state, input } = run;
  if (state.ending?.status !== "completed" || state.inbox.length === 0 || state.turn >= input.maxTurns) return false;
  state.ending = null;
  state.answered = false;
  return true;
}

function resultOf({ state }: Run): RunResult {
  const { answer, ending } = state;
  return {
    status: ending?.status ?? "completed",
    ...(ending?.stopReason === undefined ? {} : { stopReason: ending.stopReason }),
    output: typeof answer === "string" ? answer : (answer.preview ?? ""),
    ...(typeof answer === "string" ? {} : { outputRef: answer.ref }),
    ...(state.data === undefined ? {} : { data: state.data }),
    turns: state.turn,
    ...(state.head === null ? {} : { transcript: state.head }),
    cost: costOf(state.ledger),
    files: state.files,
    audit: state.audit,
  };
}

/** Tells of a run that fails or is cancelled, then lets Temporal know. */
async function failed(run: Run, error: unknown): Promise<never> {
  if (error instanceof ContinueAsNew) throw error;
  const cancelled = isCancellation(error);
  const type = error instanceof ApplicationFailure ? error.type : undefined;
  if (!cancelled && type === undefined && !(error instanceof TemporalFailure)) throw error; // a bug: the task is retried after a fix
  await CancellationScope.nonCancellable(async () => {
    const message = error instanceof Error ? error.message : String(error);
    const { nanoUsd } = costOf(run.state.ledger);
    recordEvent(run, cancelled ? "wflo.run.canceled" : "wflo.run.failed", {
      type: type ?? "Canceled",
      message: message.slice(0, 2_000),
      nanoUsd,
    });
    recordAudit(run, cancelled ? "run.canceled" : "run.failed", { type: type ?? "Canceled", nanoUsd });
    await flushAtEnd(run);
    show(run, cancelled ? "canceled" : "failed");
    closeMeters(run, cancelled ? "canceled" : "failed");
  });
  throw error;
}

function closeMeters(run: Run, status: string): void {
  const seconds = (nowMs() - run.state.limits.startedAtMs) / 1_000;
  meters.runClosed({ agent: run.input.agent, status, seconds });
}

function openRun(input: RunInput): Run {
  return {
    input,
    state: openState(input),
    ready: false,
    doing: { state: "running", text: "starting", since: now() },
    callScope: null,
    termsVersion: 0,
    workspaceTurn: Promise.resolve(),
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
    attempt: 0,
    model: 0,
    head: null,
    transcriptBytes: 0,
    lastCount: null,
    knownBounds: {},
    newMessages: [{ role: "user", text: input.input, turn: 1 }],
    inbox: [],
    calls: [],
    answer: "",
    answered: false,
    repairs: 0,
    ledger: openLedger({
      limitNanoUsd: budget?.limitNanoUsd ?? null,
      softLimitNanoUsd: budget?.softLimitNanoUsd ?? null,
    }),
    lost: [],
    gates: [],
    gateCount: 0,
    limits: openCounts(nowMs()),
    seen: NONE_SEEN,
    outbox: EMPTY_OUTBOX,
    audit: openChain(workflowId, firstExecutionRunId),
    paused: false,
    workspace: null,
    files: {},
    ending: null,
  };
}

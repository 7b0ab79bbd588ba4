import {
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  makeContinueAsNewFunc,
  sleep,
  workflowInfo,
} from "@temporalio/workflow";
import type { ModelAnswered } from "../core/activity-contract.js";
import { checkRunInput, type RunInput } from "../core/input.js";
import { checkLimits } from "../core/limits.js";
import type { InPieces } from "../core/pieces.js";
import type { Carried, CarriedRun, RunResult } from "../core/run.js";
import { describeRun, type RunDescription } from "../core/run-description.js";
import { packRun } from "./carried-state.js";
import { close, failed, resultOf } from "./closing.js";
import { compactIfNear } from "./compaction.js";
import { hasUnheard } from "./conversation.js";
import { noteRun } from "./log-facts.js";
import { modelTurn } from "./model-turn.js";
import { tendOutbox } from "./outbox.js";
import { inOwnScope } from "./own-scope.js";
import { beginRun, openRun } from "./run-beginning.js";
import { nowMs, type Run, shouldContinueAsNew } from "./run-context.js";
import { listen } from "./run-messages.js";
import { endTurn } from "./run-spans.js";
import { whole } from "./store.js";
import { toolTurn } from "./tool-turn.js";
import { inTurn } from "./turn-group.js";

/** Turns spent on an answer that does not fit the output schema. */
const MOST_REPAIRS = 2;

/**
 * One agent run, from its input to its answer.
 * @throws ApplicationFailure of the types in CONTRACT.md
 */
export async function agentRun(input: unknown, carried?: Carried): Promise<RunResult> {
  const run = openRun(checkedInput(input));
  const memo = carried ? undefined : missingMemo(run.input);
  noteRun(run);
  listen(run);
  try {
    if (carried) restore(run, await whole<CarriedRun>(run, carried));
    run.beganAt = carried ? workflowInfo().historyLength : 0;
    run.ready = true;
    watchWallTime(run);
    do {
      if ((await workInScope(run)) === "in a new history") return await continueInNewHistory(run, memo);
    } while (!(await close(run)));
    return resultOf(run);
  } catch (error) {
    return await failed(run, error);
  }
}

function checkedInput(input: unknown): RunInput {
  const checked = checkRunInput(input);
  if ("input" in checked) return checked.input;
  throw ApplicationFailure.nonRetryable(checked.problems.join("; "), "InvalidInput", { problems: checked.problems });
}

function restore(run: Run, carried: CarriedRun): void {
  run.input = carried.input;
  Object.assign(run.state, carried.state);
}

type Worked = "ended" | "in a new history";

/** The run's work, which the end of its wall time cancels wherever it is; then the run ends in order. */
async function workInScope(run: Run): Promise<Worked> {
  const scope = new CancellationScope({ cancellable: true });
  run.workScope = scope;
  try {
    return await scope.run(async () => await work(run));
  } catch (error) {
    const isOurs = run.state.ending !== null && isCancellation(error);
    if (!isOurs || CancellationScope.current().consideredCancelled) throw error;
    return "ended";
  } finally {
    run.workScope = null;
  }
}

/** Turn after turn, until the run has an ending or should go on in a new history. */
async function work(run: Run): Promise<Worked> {
  const { state } = run;
  if (!state.agent && !state.ending) await beginRun(run);
  for (;;) {
    const worked = await inOwnScope(async () => await workOn(run));
    if (worked !== "a turn") return worked;
  }
}

/** The tools that wait, and the next question with its answer. */
async function workOn(run: Run): Promise<Worked | "a turn"> {
  const { state } = run;
  if (state.ending) return "ended";
  if (state.calls.length > 0) {
    if (!(await inTurn(state.turn, async () => await toolTurn(run)))) return "in a new history";
    endTurn();
  }
  if (!state.ending) checkEnd(run);
  if (state.ending) return "ended";
  if (shouldContinueAsNew(run)) return "in a new history";
  await tendOutbox(run);
  const compacted = await inTurn(state.turn + 1, async () => await compactIfNear(run));
  if (compacted.kind === "continue") return "in a new history";
  if (compacted.kind === "ended") return "a turn";
  const turn = await inTurn(state.turn + 1, async () => await modelTurn(run));
  if (turn.kind === "continue") return "in a new history";
  if (turn.kind === "answered") await hear(run, turn.answer);
  if (state.calls.length === 0) endTurn();
  return "a turn";
}

/** Decides what an answer means: tools to run, an end, or one more turn. */
async function hear(run: Run, answer: ModelAnswered): Promise<void> {
  const { state } = run;
  state.answer = answer.text;
  // What is loaded is remembered before the run may end or go on elsewhere.
  const toolCalls = answer.toolCallsIn ? await loaded(run, answer.toolCallsIn) : answer.toolCalls;
  if (toolCalls.length > 0) {
    state.calls = toolCalls.map((call) => ({ call, stage: "asked", args: call.args }));
    return;
  }
  if (answer.finishReason === "content-filter") {
    throw ApplicationFailure.nonRetryable(`${answer.model} refused to answer (content filter)`, "ModelRefused");
  }
  if (answer.dataProblems) {
    repair(run, answer.dataProblems);
    return;
  }
  state.repairs = 0;
  if (answer.data !== undefined) state.data = answer.data;
  state.dataRef = answer.dataRef ?? null;
  state.flaw = flawOf(answer);
  state.answered = true;
}

async function loaded(run: Run, toolCallsIn: InPieces): Promise<ModelAnswered["toolCalls"]> {
  run.hearing = true;
  try {
    return await whole<ModelAnswered["toolCalls"]>(run, toolCallsIn);
  } finally {
    run.hearing = false;
  }
}

/** What is to be known of an answer that is not whole. */
function flawOf({ finishReason, text }: ModelAnswered): string | null {
  if (finishReason === "length") return "the answer was cut at the output cap of its call";
  return text === "" ? "the model's answer is empty" : null;
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
  if (state.answered && !hasUnheard(run)) {
    state.ending = { status: "completed", ...(state.flaw === null ? {} : { stopReason: state.flaw }) };
    return;
  }
  state.answered = false;
  if (state.turn - state.turnsBefore >= input.maxTurns) {
    state.ending = { status: "max_turns", stopReason: `the run may take ${input.maxTurns} turns` };
    return;
  }
  const over = checkLimits(state.limits, input.limits, nowMs());
  if (over) state.ending = { status: "limit_reached", stopReason: over.stopReason };
}

/** Ends a run whose time is over, whatever it does: waits, thinks, or runs a tool. */
function watchWallTime(run: Run): void {
  const { wallTimeMs } = run.input.limits;
  if (wallTimeMs === undefined) return;
  const leftMs = Math.max(1, run.state.limits.startedAtMs + wallTimeMs - nowMs());
  void sleep(leftMs).then(
    () => {
      const over = checkLimits(run.state.limits, { wallTimeMs }, nowMs());
      if (over) run.state.ending ??= { status: "limit_reached", stopReason: over.stopReason };
      run.workScope?.cancel();
    },
    () => {},
  );
}

/** The first argument is for people who look at the new history; everything is in the second. */
async function continueInNewHistory(run: Run, memo: RunDescription["memo"] | undefined): Promise<never> {
  const carried = await packRun(run);
  const { agent } = run.input;
  const inNewHistory = makeContinueAsNewFunc<typeof agentRun>(memo ? { memo } : {});
  return await inNewHistory({ agent, input: "(goes on from the history before)" }, carried);
}

/** For the histories to come, where whoever started the run wrote none. Any memo that is there goes on by itself. */
function missingMemo(input: RunInput): RunDescription["memo"] | undefined {
  const isThere = Object.keys(workflowInfo().memo ?? {}).length > 0;
  return isThere ? undefined : describeRun(input).memo;
}

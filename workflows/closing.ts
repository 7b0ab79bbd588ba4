import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  ContinueAsNew,
  condition,
  isCancellation,
  TemporalFailure,
} from "@temporalio/workflow";
import { costOf } from "../core/ledger-report.js";
import type { RunResult } from "../core/run.js";
import { returnLease } from "./account-lease.js";
import { hasUnheard, keepUnasked } from "./conversation.js";
import { plainFailure } from "./failures.js";
import { publishAtEnd, recordAudit, recordEvent } from "./outbox.js";
import { nowMs, type Run } from "./run-context.js";
import { endRun } from "./run-spans.js";
import { meters, say, show } from "./run-status.js";
import { abandonTurn } from "./tool-turn.js";

/** Tells everybody that the run ends; false where people said something meanwhile, so that it goes on. */
export async function close(run: Run): Promise<boolean> {
  const { state } = run;
  say(run, "completing", `ending: ${state.ending?.status ?? "completed"}`);
  await condition(allHandlersFinished);
  if (goesOn(run)) return false;
  noteUnheard(run);
  const ending = state.ending ?? { status: "completed" };
  abandonTurn(run, ending.stopReason ?? ending.status);
  await keepUnheard(run);
  if (goesOn(run)) return false;
  const { nanoUsd } = costOf(state.ledger);
  recordEvent(run, "wflo.run.completed", { ...ending, nanoUsd, turns: state.turn - state.turnsBefore });
  recordAudit(run, "run.ended", { status: ending.status, nanoUsd });
  await Promise.all([tellAll(run), returnLease(run)]);
  if (goesOn(run)) {
    // It was told that it had ended.
    recordEvent(run, "wflo.run.started", { agent: run.input.agent, resumedBy: "message" });
    recordAudit(run, "run.resumed", { why: "a message came while it ended" });
    return false;
  }
  show(run, ending.status);
  closeMeters(run, ending.status);
  endRun(run, ending.status);
  return true;
}

/** The answer to the last message would have been one turn too many. */
function noteUnheard(run: Run): void {
  if (run.state.ending?.status !== "completed" || !hasUnheard(run)) return;
  run.state.ending = { status: "max_turns", stopReason: `the run may take ${run.input.maxTurns} turns` };
}

/** A message that came after the answer is not lost: it gets a turn, where the run may still take one. */
function goesOn(run: Run): boolean {
  const { state, input } = run;
  if (state.ending?.status !== "completed" || !hasUnheard(run)) return false;
  if (state.turn - state.turnsBefore >= input.maxTurns) return false;
  state.ending = null;
  state.answered = false;
  return true;
}

/** Until nothing is left that nobody was told of: people may speak while the rest is told. */
async function tellAll(run: Run): Promise<void> {
  do {
    await publishAtEnd(run);
    await condition(allHandlersFinished);
    if (run.state.ending?.status === "completed" && hasUnheard(run)) return;
    await keepUnheard(run);
  } while (run.state.outbox.waiting.length > 0);
}

/** What no model will hear any more is in the transcript all the same, for whoever reads or forks it. */
async function keepUnheard(run: Run): Promise<void> {
  const { state } = run;
  if (state.newMessages.length === 0 && !hasUnheard(run)) return;
  await keepUnasked(run).catch(() => {
    // The store is away: the run ends all the same.
    state.newMessages = [];
    state.inbox = [];
    state.inboxStored = [];
    recordAudit(run, "transcript.incomplete", { why: "the blob store was away when the run ended" });
  });
}

export function resultOf({ state }: Run): RunResult {
  const { answer, ending } = state;
  return {
    status: ending?.status ?? "completed",
    ...(ending?.stopReason === undefined ? {} : { stopReason: ending.stopReason }),
    output: typeof answer === "string" ? answer : (answer.preview ?? ""),
    ...(typeof answer === "string" ? {} : { outputRef: answer.ref }),
    ...(state.data === undefined ? {} : { data: state.data }),
    ...(state.dataRef === null ? {} : { dataRef: state.dataRef }),
    turns: state.turn - state.turnsBefore,
    ...(state.head === null ? {} : { transcript: state.head }),
    cost: costOf(state.ledger),
    files: state.files,
    ...(state.filesRef === null ? {} : { filesRef: state.filesRef }),
    audit: state.audit,
  };
}

/** Tells of a run that fails or is cancelled, then lets Temporal know. */
export async function failed(run: Run, error: unknown): Promise<never> {
  if (error instanceof ContinueAsNew) throw error;
  const cancelled = isCancellation(error);
  const failure = cancelled ? error : plainFailure(error);
  // A bug: the task is retried after a fix, and the run goes on.
  if (!cancelled && !(failure instanceof TemporalFailure)) throw error;
  // What the run remembers is still in the store, and its chains of records go on from there.
  if (!run.ready) throw failure;
  const type = cancelled ? "Canceled" : failure instanceof ApplicationFailure ? (failure.type ?? "Error") : "Error";
  const word = cancelled ? "canceled" : "failed";
  await CancellationScope.nonCancellable(async () => {
    const message = error instanceof Error ? error.message : String(error);
    abandonTurn(run, `the run was ${cancelled ? "cancelled" : "failed"}`);
    await keepUnheard(run);
    const { nanoUsd } = costOf(run.state.ledger);
    recordEvent(run, `wflo.run.${word}`, { type, message: message.slice(0, 2_000), nanoUsd });
    recordAudit(run, `run.${word}`, { type, nanoUsd });
    await Promise.all([tellAll(run), returnLease(run)]);
    show(run, word);
    closeMeters(run, word);
    endRun(run, word, cancelled ? undefined : type);
  });
  throw failure;
}

function closeMeters(run: Run, status: string): void {
  const seconds = (nowMs() - run.state.limits.startedAtMs) / 1_000;
  meters.runClosed({ agent: run.input.agent, status, seconds });
}

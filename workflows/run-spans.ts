import { workflowInfo } from "@temporalio/workflow";
import type { Gate } from "../core/gate.js";
import { GEN_AI, modelName, OPERATIONS, providerName, WFLO_ATTRIBUTES } from "../core/gen-ai.js";
import { costOf } from "../core/ledger-report.js";
import type { RunDoing } from "../core/run.js";
import { nowMs, type Run } from "./run-context.js";
import { beginTurnSpan, endRunSpan, endTurnSpan, isTraced, keepTrace, tellSpan } from "./tracing.js";

/** A turn is from its question to the results of the tools that its answer asked for. */
export function beginTurn({ state }: Run): void {
  beginTurnSpan(state.turn + 1, nowMs());
}

export function endTurn(): void {
  endTurnSpan(nowMs());
}

/** People have decided, or their time is over. */
export function tellGate(gate: Gate): void {
  const last = gate.decisions.at(-1);
  tellSpan(gate.gate, {
    name: `wait_approval ${gate.tool}`,
    startMs: Date.parse(gate.requestedAt),
    endMs: nowMs(),
    attributes: {
      [WFLO_ATTRIBUTES.gate]: gate.gate,
      [GEN_AI.toolName]: gate.tool,
      [WFLO_ATTRIBUTES.decision]: gate.state,
      ...(last ? { [WFLO_ATTRIBUTES.decidedBy]: last.by } : {}),
    },
  });
}

/** A wait for money, or for a person who has paused the run, is over. */
export function tellWait({ state, since }: { readonly state: RunDoing; readonly since: string }): void {
  if (state !== "paused" && state !== "awaiting_budget") return;
  const name = state === "paused" ? "wait_paused" : "wait_budget";
  tellSpan(`${name} ${since}`, { name, startMs: Date.parse(since), endMs: nowMs(), attributes: {} });
}

/** @param errorType of a run that has failed */
export function endRun(run: Run, status: string, errorType?: string): void {
  if (!isTraced()) return;
  const { state, input } = run;
  if (errorType !== undefined) keepTrace();
  endTurn();
  const cost = costOf(state.ledger);
  const model = state.agent?.models[state.model]?.bookedAs;
  endRunSpan({
    name: `${OPERATIONS.agent} ${input.agent}`,
    startMs: Date.parse(state.startedAt),
    endMs: nowMs(),
    attributes: {
      [GEN_AI.operation]: OPERATIONS.agent,
      [GEN_AI.agent]: input.agent,
      [GEN_AI.conversation]: workflowInfo().workflowId,
      ...(model === undefined ? {} : { [GEN_AI.provider]: providerName(model), [GEN_AI.model]: modelName(model) }),
      [WFLO_ATTRIBUTES.runStatus]: status,
      [WFLO_ATTRIBUTES.runTurns]: state.turn - state.turnsBefore,
      [WFLO_ATTRIBUTES.runCost]: cost.confirmedNanoUsd,
      [WFLO_ATTRIBUTES.runUnconfirmedCost]: cost.unconfirmedNanoUsd,
      ...(input.account === undefined ? {} : { [WFLO_ATTRIBUTES.account]: input.account }),
    },
    ...(errorType === undefined ? {} : { errorType }),
  });
}

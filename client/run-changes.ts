import type { GateView } from "../core/gate.js";
import type { BudgetView } from "../core/ledger-report.js";
import type { NanoUsd } from "../core/money.js";
import type { RunResult, RunStatus } from "../core/run.js";
import type { Usage } from "../core/usage.js";
import type { RunEnd } from "./run-states.js";

/** What is new about a run. `at` is the time of the event in ISO 8601, by the server's clock. */
export type RunChange = { readonly at: string } & (
  | {
      /** A model is being asked. */
      readonly kind: "thinking";
      readonly turn: number;
      readonly attempt: number;
      readonly model: string;
    }
  | {
      /** The model has answered; `nanoUsd` is what this answer costs. */
      readonly kind: "answered";
      readonly turn: number;
      readonly model: string;
      readonly usage: Usage;
      readonly nanoUsd: NanoUsd;
      /** The model has no price: `nanoUsd` is nothing, and says nothing of the bill. */
      readonly unpriced?: true;
      /** Names of the tools that it asks for. */
      readonly toolCalls: readonly string[];
      /** All answers of this run that were watched so far. */
      readonly total: { readonly inputTokens: number; readonly outputTokens: number };
    }
  | {
      /** An attempt ended without an answer. Whether there is another one, the run decides. */
      readonly kind: "unanswered";
      readonly turn: number;
      readonly attempt: number;
      readonly model: string;
      readonly message: string;
    }
  | {
      readonly kind: "tool";
      readonly tool: string;
      /** Absent, as is the turn, for a tool that runs beside the workflow (`local`): it is told of when it is done. */
      readonly turn?: number;
      /** The model's id of the call. */
      readonly callId?: string;
      /** `failed`: its activity did; a tool's own error is `done`, and the model sees it. */
      readonly stage: "running" | "done" | "failed";
      readonly message?: string;
    }
  /** A gate was opened, decided, edited or closed. */
  | { readonly kind: "gate"; readonly gate: GateView }
  /** What the run does, where it is none of the above: it waits for people or money, or is paused. */
  | { readonly kind: "status"; readonly status: RunStatus }
  /** Money was spent or the terms changed. */
  | { readonly kind: "budget"; readonly budget: BudgetView }
  /** The run goes on in a new history; nothing else changes. */
  | { readonly kind: "continued"; readonly runId: string }
  | {
      /** The last change of a run. */
      readonly kind: "ended";
      readonly end: RunEnd;
      readonly result?: RunResult;
    }
);

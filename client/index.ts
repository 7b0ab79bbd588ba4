/**
 * `wflo/client`: starts, steers and reads runs of agents from any Node program.
 * @module
 */

export type { BalanceView } from "../core/account.js";
export { isWfloError, type WfloError } from "../core/failures.js";
export type { GateView } from "../core/gate.js";
export type { BudgetView, CostReport, Reconciled } from "../core/ledger-report.js";
export type { RunResult, RunStatus } from "../core/run.js";
export type { RunRequest } from "../core/run-request.js";
export type { DecisionClaims, DecisionSigner } from "../core/signed-decision.js";
export { readDecisionKey } from "../encryption/decision-keys.js";
export type { AccountHandle, Accounts, AccountTerms } from "./accounts.js";
export type { BlobReader } from "./blob-reader.js";
export type { ForkOptions, RunOptions, StartedRun, WfloClient } from "./client.js";
export {
  ClientError,
  type ClientErrorKind,
  type CommandRefusalReason,
  CommandRefused,
  RunFailed,
} from "./client-error.js";
export { type ConnectOptions, connect } from "./connect.js";
export type { RunChange } from "./run-changes.js";
export type { CommandOptions, DecisionOptions, TermsOptions } from "./run-commands.js";
export type { RunHandle } from "./run-handle.js";
export type { RunFilter, RunSummary } from "./run-list.js";
export { RUN_STATES, type RunEnd, type RunStateName } from "./run-states.js";
export type { Schedules, ScheduleTerms, ScheduleView } from "./schedules.js";
export type { RunStory } from "./story.js";
export type { History } from "./temporal.js";
export type { TranscriptMessage } from "./transcript.js";

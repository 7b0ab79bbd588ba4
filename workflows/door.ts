/**
 * `wflo/workflow`: agents, gates and budgets inside one's own Temporal workflows. Safe to bundle: pure modules and
 * `@temporalio/workflow` only.
 * @module
 */

export type { CostReport } from "../core/ledger-report.js";
export type { RunResult } from "../core/run.js";
export { type AgentCall, type CallAgentOptions, callAgent } from "./call-agent.js";
export { type Approval, type ApprovalRequest, approval } from "./own-approval.js";
export { type Budget, budget } from "./own-budget.js";

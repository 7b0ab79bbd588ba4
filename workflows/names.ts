/** The workflow types that anyone may start. */
export const AGENT_RUN = "agentRun";
/** Finishes the publishing of a run that has ended. */
export const DELIVER_EVENTS = "deliverEvents";

/** The queue of a run's sandboxed code, beside the run's own. */
export function sandboxQueue(taskQueue: string): string {
  return `${taskQueue}-sandbox`;
}

/** The workflow of one account's money, and the signal with which holders of it speak. */
export const BUDGET_ACCOUNT = "budgetAccount";
export const LEASE = "lease";

/** The id of an account's workflow. */
export function accountWorkflowId(account: string): string {
  return `budget:${account}`;
}

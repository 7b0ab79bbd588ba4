/** Measurements that a workflow makes; not repeated by a replay, and without an event in its history. */
export type WfloSinks = {
  wflo: {
    runStarted(fact: { agent: string }): void;
    runClosed(fact: { agent: string; status: string; seconds: number }): void;
    /** Of an account, in nano-dollars. */
    budgetLeft(fact: { account: string; nanoUsd: number }): void;
    approvalDecided(fact: { decision: string; waitSeconds: number }): void;
  };
};

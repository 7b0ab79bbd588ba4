import type { Usage } from "./usage.js";

/*
 * What each event says, by its type. The JSON Schemas of docs/reference are made of these types and their words, and every
 * event of every test is checked against them. Members may be added, and consumers ignore those that they do not know.
 */

/** What a call added to the run's books. */
export type EventCost = {
  /** Nano-dollars (1e-9 US dollars) that are added to what is confirmed; less than nothing where a bill came out lower. */
  readonly nanoUsd: number;
  /** Nano-dollars that are added to what nobody has confirmed. Absent: none. */
  readonly unconfirmedNanoUsd?: number;
};

/** A run has begun, or goes on after it was told that it had ended. */
export type RunStarted = {
  readonly agent: string;
  /** Those that it may use, in order of preference. */
  readonly models?: readonly string[];
  readonly account?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The transcript that it goes on from. */
  readonly fork?: {
    /** `sha256:…` */
    readonly transcript: string;
    /** The last turn of it that counts. Absent: all. */
    readonly turn?: number;
  };
  /** A message came while it ended. */
  readonly resumedBy?: "message";
};

/** A run has ended with a result. */
export type RunCompleted = {
  readonly status: "completed" | "budget_exhausted" | "rejected" | "max_turns" | "limit_reached";
  readonly stopReason?: string;
  /** What all of it cost and is confirmed, in nano-dollars. */
  readonly nanoUsd: number;
  /** Of this run; those before a fork are not counted. */
  readonly turns: number;
};

/** A run has failed, or was cancelled. */
export type RunFailed = {
  /** The failure's type (docs/reference/failures.md), or `Canceled`. */
  readonly type: string;
  /** At most 2,000 characters. */
  readonly message: string;
  readonly nanoUsd: number;
};

/** A model was asked, or is not asked any more. */
export type ModelCalled = ModelAsked | ModelLeft;

/** An attempt at an answer, and what it cost. An attempt without an answer may be told of again as `late`. */
type ModelAsked = EventCost & {
  /** From 1; null: nobody knows any more. */
  readonly turn: number | null;
  /** `provider/model`, as it is booked. */
  readonly model: string;
  /** In the turn, from 1; null: nobody knows any more. */
  readonly attempt: number | null;
  /** `ok` · `cut`: by a pause, a freeze, a cancellation · `late`: an answer to an attempt that was given up · `unused`: another one's counts · or what went wrong. */
  readonly outcome: string;
  readonly usage?: Pick<Usage, keyof Usage>;
  /** It was bought before. */
  readonly cached?: true;
  /** What it would have cost. */
  readonly savedNanoUsd?: number;
  /** The provider did not say what it billed. */
  readonly estimated?: true;
  /** The model has no price. */
  readonly unpriced?: true;
  /** Why the model stopped: `stop`, `length`, `tool-calls`, … */
  readonly finishReason?: string;
  /** The provider's own. */
  readonly requestId?: string;
  /** Who compared the books with the provider's list. */
  readonly reconciledBy?: string;
};

/** The run goes on with its next model. */
type ModelLeft = {
  readonly turn: number;
  readonly outcome: "fell back";
  readonly to: string;
  readonly why: string;
};

/** A tool was called. */
export type ToolCalled = Partial<EventCost> & {
  readonly turn: number;
  readonly tool: string;
  /** The model's id of the call. */
  readonly callId: string;
  /** `lost`: nobody knows what became of it. */
  readonly outcome: "ok" | "error" | "lost";
};

/** The conversation was made shorter. */
export type ContextCompacted = {
  readonly turn: number;
  readonly how: string;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
};

/** Code of a model was run. */
export type SandboxExecuted = {
  readonly turn: number;
  readonly tool: string;
  readonly callId: string;
  /** What isolated it. */
  readonly backend: string;
};

/** The soft limit was crossed. */
export type BudgetWarning = { readonly spentNanoUsd: number };

/** The next call does not fit, or a bill was above its bound. */
export type BudgetExhausted = { readonly remainingNanoUsd: number } | { readonly overrunNanoUsd: number };

/** The terms of a run or of an account have changed, or a run has gone to a cheaper model. */
export type BudgetChanged =
  | {
      readonly by: string;
      /** Null: there is none. */
      readonly limitNanoUsd: number | null;
      readonly frozen: boolean;
      readonly reason?: string;
      /** The account's path, where they are its. */
      readonly account?: string;
    }
  | { readonly degradedTo: string };

/** A call waits for people. */
export type ApprovalRequested = {
  readonly gate: string;
  readonly tool: string;
  readonly title: string;
  /** Of what is to be approved. */
  readonly digest: string;
  /** Empty: anyone. */
  readonly approvers: readonly string[];
  /** So many different people. */
  readonly quorum: number;
  /** ISO 8601. */
  readonly deadline?: string;
};

/** Somebody has decided. */
export type ApprovalDecided = {
  readonly gate: string;
  readonly tool: string;
  readonly decision: "approve" | "reject";
  readonly digest: string;
  /** Of the gate, with this decision. */
  readonly state: "pending" | "approved" | "rejected" | "expired";
  readonly by: string;
  readonly comment?: string;
  /** The arguments were changed. */
  readonly edited?: true;
};

/** A gate's time was over. */
export type ApprovalExpired = {
  readonly gate: string;
  readonly tool: string;
  /** What became of it; `escalated`: others are asked. */
  readonly state: "approved" | "rejected" | "expired" | "escalated";
};

/** Another agent goes on. */
export type AgentHandoff = { readonly from: string; readonly to: string };

/** The data of each event, by its type. */
export type EventData = {
  readonly "wflo.run.started": RunStarted;
  readonly "wflo.run.completed": RunCompleted;
  readonly "wflo.run.failed": RunFailed;
  readonly "wflo.run.canceled": RunFailed;
  readonly "wflo.model.called": ModelCalled;
  readonly "wflo.tool.called": ToolCalled;
  readonly "wflo.context.compacted": ContextCompacted;
  readonly "wflo.sandbox.executed": SandboxExecuted;
  readonly "wflo.budget.warning": BudgetWarning;
  readonly "wflo.budget.exhausted": BudgetExhausted;
  readonly "wflo.budget.changed": BudgetChanged;
  readonly "wflo.approval.requested": ApprovalRequested;
  readonly "wflo.approval.decided": ApprovalDecided;
  readonly "wflo.approval.expired": ApprovalExpired;
  readonly "wflo.agent.handoff": AgentHandoff;
};

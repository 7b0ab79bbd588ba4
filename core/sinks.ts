import type { EndedSpan } from "./trace.js";

/** Measurements that a workflow makes; not repeated by a replay, and without an event in its history. */
export type WfloSinks = {
  wflo: {
    runStarted(fact: { agent: string }): void;
    runClosed(fact: { agent: string; status: string; seconds: number }): void;
    /** A booking: nano-dollars added to what is confirmed, and to what is unconfirmed (below zero where it is explained). */
    costBooked(fact: { model: string; account: string; confirmedNanoUsd: number; unconfirmedNanoUsd: number }): void;
    /** A run goes on with another model: `budget` (a cheaper one, as the money runs short) · `unavailable` */
    modelChanged(fact: { from: string; to: string; why: "budget" | "unavailable" }): void;
    /** Of an account, in nano-dollars. */
    budgetLeft(fact: { account: string; nanoUsd: number }): void;
    approvalDecided(fact: { decision: string; waitSeconds: number }): void;
    /** Called where the worker traces, and nowhere else. */
    spanEnded(span: EndedSpan): void;
  };
};

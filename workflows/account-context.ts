import { type CancellationScope, workflowInfo } from "@temporalio/workflow";
import { type AccountBooks, openAccount } from "../core/account.js";
import type { AccountInput } from "../core/account-input.js";
import { type AuditChain, openChain } from "../core/audit.js";
import { NONE_SEEN, type SeenIds } from "../core/dedupe.js";
import { EMPTY_OUTBOX, type Outbox } from "../core/events.js";
import { type Lease, openLease } from "../core/lease.js";
import { ZERO_USD } from "../core/money.js";
import type { Publishing } from "../core/run.js";
import { nowMs } from "./run-context.js";

/** Everything that an account remembers: plain JSON, carried over continue-as-new as it is. */
export interface AccountState {
  books: AccountBooks;
  /** Its own lease of the account above; null: there is none. */
  lease: Lease | null;
  /** Spent in all, as the account above has heard it. */
  toldAboveNanoUsd: number;
  seen: SeenIds;
  outbox: Outbox;
  publishing: Publishing;
  audit: AuditChain;
  /** Tries to publish so far. */
  turn: number;
}

/** An account while it is in memory. */
export interface Account {
  readonly input: AccountInput;
  state: AccountState;
  /** The accounts above are known to be there. */
  ready: boolean;
  /** Words to others that are on their way. */
  words: number;
  /** Something has changed that those who wait, or these holders, have to hear. */
  toServe: boolean;
  readonly toTell: Set<string>;
  /** A word did not get there: who it was for is looked after at once. */
  lookNow: boolean;
  /** Holders are being looked after, beside everything else. */
  looking: boolean;
  /** When the account above was told last how things stand, in epoch milliseconds. */
  settledAtMs: number;
  flush: CancellationScope | null;
  readonly workScope: null;
}

export function openAccountState(input: AccountInput): AccountState {
  const { workflowId, firstExecutionRunId, originalExecutionRunId } = workflowInfo();
  const { account, limitNanoUsd, period: kind, parent } = input;
  return {
    books: openAccount({ account, limitNanoUsd, kind, nowMs: nowMs() }),
    lease: parent === undefined ? null : openLease(parent, originalExecutionRunId, ZERO_USD),
    toldAboveNanoUsd: 0,
    seen: NONE_SEEN,
    outbox: EMPTY_OUTBOX,
    publishing: { failures: 0, nextTurn: 0 },
    audit: openChain(workflowId, firstExecutionRunId),
    turn: 0,
  };
}

import { ApplicationFailure } from "@temporalio/activity";
import type { AttemptFailure, Bill } from "../core/activity-contract.js";
import type { ModelCallFailed } from "../ports/models.js";
import { StoreUnavailable } from "../ports/object-store.js";
import { SandboxUnavailable } from "../ports/sandbox.js";
import { BlobCorrupt, BlobMissing } from "./blobs.js";
import { keptRequestId } from "./model-bill.js";
import { RunRefused } from "./refusals.js";

/** An attempt at a model that gave no answer, and what it cost where that is known. */
export class AttemptFailed extends Error {
  override readonly name = "AttemptFailed";
  readonly failure: ModelCallFailed;
  readonly bill: Bill | undefined;
  /** Another model is to be asked instead of this one again. */
  readonly final: boolean;
  constructor(failure: ModelCallFailed, options: { readonly bill?: Bill | undefined; readonly final?: boolean } = {}) {
    super(failure.message, { cause: failure });
    this.failure = failure;
    this.bill = options.bill;
    this.final = options.final ?? false;
  }
}

/** A model was not asked, for a reason of ours: nothing can have been billed. */
export class NotAsked extends Error {
  override readonly name = "NotAsked";
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Nothing was bought: the lease belongs to another history of the run. */
export class LeaseVoid extends Error {
  override readonly name = "LeaseVoid";
  readonly runId: string;
  constructor(runId: string) {
    super("a reset has made this history, and its account has leased the money to the one before");
    this.runId = runId;
  }
}

/** The longest that a provider's Retry-After is followed, in milliseconds; after it the call is tried again. */
const LONGEST_RETRY_AFTER_MS = 10 * 60_000;

/** What nobody expected (a bug, a store that lost a blob) is tried so often, for another worker may do better; then it is told. */
const TRIES_OF_THE_UNEXPECTED = 8;

/** Providers and stores can answer with whole pages; a failure travels with the run's history. */
const LONGEST_MESSAGE = 2_000;

/** The only place where our errors become what Temporal records. @param attempt Temporal's, from 1 */
export function toApplicationFailure(error: unknown, attempt: number): unknown {
  if (error instanceof RunRefused) return ApplicationFailure.nonRetryable(told(error.message), error.type);
  if (error instanceof SandboxUnavailable) {
    return ApplicationFailure.nonRetryable(told(error.message), "SandboxUnavailable");
  }
  if (error instanceof AttemptFailed) return attemptFailure(error);
  if (error instanceof LeaseVoid) {
    const facts: AttemptFailure = { billed: "none", leaseVoidIn: error.runId };
    return ApplicationFailure.nonRetryable(error.message, error.name, facts);
  }
  if (error instanceof NotAsked) return ourFailure(error.cause, attempt, { billed: "none" });
  return ourFailure(error, attempt);
}

/** Not a provider's fault and not the caller's. */
function ourFailure(error: unknown, attempt: number, facts?: AttemptFailure): unknown {
  if (error instanceof ApplicationFailure || !(error instanceof Error)) return error;
  // A store that is away comes back: as long as it takes, and the pending activity says what is missing.
  const away = error instanceof StoreUnavailable;
  const advice = error instanceof BlobMissing ? "; do all workers have the same store?" : "";
  const failure = ApplicationFailure.create({
    message: `${told(error.message)}${advice}`,
    type: error.name,
    nonRetryable: error instanceof BlobCorrupt || (!away && attempt >= TRIES_OF_THE_UNEXPECTED),
    details: facts ? [facts] : [],
  });
  failure.stack = told(error.stack ?? "");
  return failure;
}

function attemptFailure({ failure, bill, final }: AttemptFailed): ApplicationFailure {
  const known = bill ? { bill } : keptRequestId(failure.requestId);
  const facts: AttemptFailure = { billed: failure.billed, ...known };
  const { retryAfterMs } = failure;
  const message = told(failure.message);
  switch (failure.kind) {
    case "retry":
      // Provably not billed: Temporal asks again with the same reservation. Else the workflow has to reserve anew.
      if (failure.billed !== "none") return ApplicationFailure.nonRetryable(message, "AttemptLost", facts);
      return ApplicationFailure.create({
        message,
        type: "ModelUnavailable",
        nonRetryable: final,
        details: [facts],
        ...(retryAfterMs === undefined
          ? {}
          : { nextRetryDelay: Math.min(Math.max(0, retryAfterMs), LONGEST_RETRY_AFTER_MS) }),
      });
    case "never":
      return ApplicationFailure.nonRetryable(message, "ModelRefused", facts);
    case "context":
      return ApplicationFailure.nonRetryable(message, "ContextTooLong", facts);
    case "unknown-model":
      return ApplicationFailure.nonRetryable(message, "UnknownModel", facts);
    case "cancelled":
      return ApplicationFailure.nonRetryable(message, "AttemptLost", facts);
  }
}

function told(text: string): string {
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text;
}

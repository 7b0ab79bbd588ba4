import { ApplicationFailure } from "@temporalio/activity";
import type { AttemptFailure } from "../core/activity-contract.js";
import { ModelCallFailed } from "../ports/models.js";
import { SandboxUnavailable } from "../ports/sandbox.js";
import { RunRefused } from "./refusals.js";

/** The only place where our errors become what Temporal records. */
export function toApplicationFailure(error: unknown): unknown {
  if (error instanceof RunRefused) return ApplicationFailure.nonRetryable(error.message, error.type);
  if (error instanceof SandboxUnavailable) return ApplicationFailure.nonRetryable(error.message, "SandboxUnavailable");
  if (error instanceof ModelCallFailed) return modelFailure(error);
  return error;
}

/** The longest that a provider's Retry-After is followed, in milliseconds; after it the call is tried again. */
const LONGEST_RETRY_AFTER_MS = 10 * 60_000;

function modelFailure(error: ModelCallFailed): ApplicationFailure {
  const facts: AttemptFailure = { billed: error.billed };
  switch (error.kind) {
    case "retry":
      // Provably not billed: Temporal asks again with the same reservation. Else the workflow has to reserve anew.
      if (error.billed !== "none") return ApplicationFailure.nonRetryable(error.message, "AttemptLost", facts);
      return ApplicationFailure.create({
        message: error.message,
        type: "ModelUnavailable",
        nonRetryable: false,
        details: [facts],
        ...(error.retryAfterMs === undefined
          ? {}
          : { nextRetryDelay: Math.min(Math.max(0, error.retryAfterMs), LONGEST_RETRY_AFTER_MS) }),
      });
    case "never":
      return ApplicationFailure.nonRetryable(error.message, "ModelRefused", facts);
    case "context":
      return ApplicationFailure.nonRetryable(error.message, "ContextTooLong", facts);
    case "unknown-model":
      return ApplicationFailure.nonRetryable(error.message, "UnknownModel", facts);
    case "cancelled":
      return ApplicationFailure.nonRetryable(error.message, "AttemptLost", facts);
  }
}

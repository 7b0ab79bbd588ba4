import { ActivityFailure, ApplicationFailure } from "@temporalio/workflow";

/** What an activity said, without the activity's wrapping: a run fails with the contract's types. */
export function plainFailure(error: unknown): unknown {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof ApplicationFailure)) return error;
  const { message, type, details } = error.cause;
  return ApplicationFailure.nonRetryable(message, type ?? "ModelUnavailable", ...(details ?? []));
}

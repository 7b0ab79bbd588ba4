import { ActivityFailure, ApplicationFailure, TimeoutFailure } from "@temporalio/workflow";

/** What an activity said, without the activity's wrapping: a run fails with the contract's types. */
export function plainFailure(error: unknown): unknown {
  if (!(error instanceof ActivityFailure)) return error;
  const { cause } = error;
  if (cause instanceof ApplicationFailure) {
    return ApplicationFailure.nonRetryable(cause.message, cause.type ?? "ModelUnavailable", ...(cause.details ?? []));
  }
  if (cause instanceof TimeoutFailure) {
    return ApplicationFailure.nonRetryable(`${error.activityType} did not answer in time`, "ModelUnavailable");
  }
  return error;
}

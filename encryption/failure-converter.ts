import { DefaultFailureConverter } from "@temporalio/common";

/** Messages and stacks of failures travel as a payload, which the codec encrypts. Loaded by the SDK, by its path. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });

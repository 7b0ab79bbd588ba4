import { DefaultFailureConverter } from "@temporalio/common";

/** A worker that encrypts says so before this is loaded (`workers/workflow-code.ts`). */
const { wfloEncodesFailures = false } = globalThis as { readonly wfloEncodesFailures?: boolean };

/** Messages and stacks of failures travel as a payload where there is encryption; in clear, for the Web UI, where not. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: wfloEncodesFailures });

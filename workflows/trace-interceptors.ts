import type { WorkflowInterceptorsFactory } from "@temporalio/workflow";
import { activeSpan, openTrace, traceSettings, withContinuedTrace, withTrace } from "./tracing.js";

/**
 * Hands the trace on with every step. None of these is `async`: a promise more, and a history that was made without them
 * would not replay.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  if (!traceSettings()) return {};
  return {
    inbound: [
      {
        execute(input, next) {
          openTrace(input.headers);
          return next(input);
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next({ ...input, headers: withTrace(input.headers) }),
        scheduleLocalActivity: (input, next) => next({ ...input, headers: withTrace(input.headers) }),
        startChildWorkflowExecution: (input, next) => next({ ...input, headers: withTrace(input.headers) }),
        continueAsNew: (input, next) => next({ ...input, headers: withContinuedTrace(input.headers) }),
        getLogAttributes(input, next) {
          const span = activeSpan();
          return next(span ? { trace_id: span.traceId, span_id: span.spanId, ...input } : input);
        },
      },
    ],
  };
};

import type { WorkflowInterceptorsFactory } from "@temporalio/workflow";
import { runFacts } from "./log-facts.js";
import { activeSpan, openTrace, traceSettings, withContinuedTrace, withTrace } from "./tracing.js";

/**
 * Hands the trace on with every step, and says on log lines which run they are of. None of these is `async`: a promise more,
 * and a history that was made without them would not replay.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  if (!traceSettings()) return { outbound: [{ getLogAttributes: (input, next) => next({ ...runFacts(), ...input }) }] };
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
          const ids = span ? { trace_id: span.traceId, span_id: span.spanId } : {};
          return next({ ...runFacts(), ...ids, ...input });
        },
      },
    ],
  };
};

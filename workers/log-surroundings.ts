import { type Context, asyncLocalStorage as current } from "@temporalio/activity";
import type { ActivityInterceptors } from "@temporalio/worker";
import { activeSpanIds } from "../adapters/opentelemetry/active-span.js";
import type { LogFacts } from "../ports/logger.js";

/** Which turn and tool an activity is of. */
const works = new WeakMap<Context, LogFacts>();

/** What every line has that is written while an activity works: its run, turn, tool and span. */
export function logSurroundings(): LogFacts | undefined {
  const activity = current.getStore();
  if (!activity) return activeSpanIds();
  const { workflowId, runId } = activity.info.workflowExecution ?? {};
  const { activityType, attempt } = activity.info;
  return { workflowId, runId, activityType, attempt, ...works.get(activity), ...activeSpanIds() };
}

/** Looks at what activities are asked, and puts it on the SDK's own lines of them. */
export function noteWork(activity: Context): ActivityInterceptors {
  return {
    inbound: {
      execute: async (input, next) => {
        works.set(activity, { ...workOf(input.args[0]), ...activeSpanIds() });
        return await next(input);
      },
    },
    outbound: { getLogAttributes: (input, next) => next({ ...works.get(activity), ...input }) },
  };
}

function workOf(request: unknown): LogFacts {
  const { turn, tool, callId } = (request ?? {}) as Record<string, unknown>;
  return {
    ...(typeof turn === "number" ? { turn } : {}),
    ...(typeof tool === "string" ? { tool } : {}),
    ...(typeof callId === "string" ? { callId } : {}),
  };
}

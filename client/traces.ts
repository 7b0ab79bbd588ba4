import { ProxyTracerProvider, trace } from "@opentelemetry/api";
import type { ClientInterceptors } from "@temporalio/client";

/** Not what only looks: a run that is watched is asked many times. */
const TRACED = ["start", "startWithDetails", "signal", "startUpdate", "terminate", "cancel"] as const;

/**
 * A process that has an OpenTelemetry SDK gets spans for what it asks of workflows, and its runs belong to its traces: by
 * Temporal's own interceptor. Without one there is no interceptor, and nothing of it is loaded.
 */
export async function tracesOf(): Promise<{ readonly interceptors?: ClientInterceptors }> {
  if (!isTraced()) return {};
  const { OpenTelemetryWorkflowClientInterceptor } = await import(
    "@temporalio/interceptors-opentelemetry/lib/client/index.js"
  );
  const own = new OpenTelemetryWorkflowClientInterceptor();
  const interceptor = Object.fromEntries(TRACED.map((name) => [name, own[name].bind(own)]));
  return { interceptors: { workflow: [interceptor] } };
}

function isTraced(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer("wflo") !== undefined;
}

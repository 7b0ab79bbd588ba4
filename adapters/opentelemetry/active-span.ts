import { context, isSpanContextValid, TraceFlags, trace } from "@opentelemetry/api";

/** The ids of the span that is active here, as log lines have them: https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/ */
export function activeSpanIds(): { readonly trace_id: string; readonly span_id: string } | undefined {
  const active = trace.getSpanContext(context.active());
  if (!active || !isSpanContextValid(active)) return undefined;
  return { trace_id: active.traceId, span_id: active.spanId };
}

/** The same of a span that is stored: one that can be looked at. */
export function storedSpanIds(): ReturnType<typeof activeSpanIds> {
  const active = trace.getSpanContext(context.active());
  return active && (active.traceFlags & TraceFlags.SAMPLED) !== 0 ? activeSpanIds() : undefined;
}

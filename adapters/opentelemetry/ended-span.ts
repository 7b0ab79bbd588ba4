import { type Attributes, type HrTime, SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { millisToHrTime } from "@opentelemetry/core";
import type { Resource } from "@opentelemetry/resources";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { EndedSpan } from "../../core/trace.js";

const SCOPE = { name: "wflo/workflow" };

/** A span that a workflow told of, as exporters take it. Its times are the workflow's, its ids what it is. */
export function readableSpan(span: EndedSpan, resource: Resource): ReadableSpan {
  const flags = { traceFlags: span.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
  const context = { traceId: span.traceId, spanId: span.spanId, ...flags };
  const endMs = Math.max(span.startMs, span.endMs);
  const failed = span.errorType !== undefined;
  return {
    name: span.name,
    kind: SpanKind.INTERNAL,
    spanContext: () => context,
    ...(span.parentId === undefined
      ? {}
      : { parentSpanContext: { traceId: span.traceId, spanId: span.parentId, ...flags, isRemote: true } }),
    startTime: millisToHrTime(span.startMs),
    endTime: millisToHrTime(endMs),
    duration: millisToHrTime(endMs - span.startMs) as HrTime,
    status: failed ? { code: SpanStatusCode.ERROR, message: span.errorType } : { code: SpanStatusCode.UNSET },
    attributes: { ...(span.attributes as Attributes), ...(failed ? { "error.type": span.errorType } : {}) },
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

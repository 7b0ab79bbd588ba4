import {
  type Attributes,
  context,
  isSpanContextValid,
  type Span as OtelSpan,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { formatTraceparent } from "../../core/trace.js";
import type { Span, SpanOptions, Tracer } from "../../ports/tracer.js";

const KINDS = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** Spans of OpenTelemetry's API, for whichever SDK this process has. */
export function createTracer({ content }: { readonly content: boolean }): Tracer {
  const tracer = trace.getTracer("wflo");
  return {
    content,
    async span(name, { kind = "internal", attributes = {}, parent }, work) {
      const outer = parent === undefined ? context.active() : continued(parent);
      const started = tracer.startSpan(name, { kind: KINDS[kind], attributes: attributes as Attributes }, outer);
      return await context.with(trace.setSpan(outer, started), async () => await ended(started, work));
    },
    traceparent() {
      const active = trace.getSpanContext(context.active());
      if (!active || !isSpanContextValid(active)) return undefined;
      return formatTraceparent({ ...active, sampled: (active.traceFlags & 1) === 1 });
    },
  };
}

function continued(traceparent: SpanOptions["parent"]) {
  return propagation.extract(context.active(), { traceparent });
}

async function ended<T>(span: OtelSpan, work: (span: Span) => Promise<T>): Promise<T> {
  let hasFailed = false;
  const failed = (errorType: string) => {
    hasFailed = true;
    span.setAttribute("error.type", errorType);
    span.setStatus({ code: SpanStatusCode.ERROR, message: errorType });
  };
  try {
    return await work({ set: (attributes) => span.setAttributes(attributes as Attributes), fail: failed });
  } catch (error) {
    // Not its message, which may say what a prompt said.
    if (!hasFailed) failed(error instanceof Error ? error.name : typeof error);
    throw error;
  } finally {
    span.end();
  }
}

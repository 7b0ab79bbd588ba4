import { SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import { LRUCache } from "lru-cache";
import { WFLO_ATTRIBUTES } from "../../core/gen-ai.js";

/** Spans of traces that are not stored, in case they are to be after all. A span takes some two kilobytes. */
const SPANS_HELD = 5_000;
/** Traces that are remembered as kept. */
const TRACES_KEPT = 10_000;

const COSTS = [WFLO_ATTRIBUTES.cost, WFLO_ATTRIBUTES.runCost, WFLO_ATTRIBUTES.runUnconfirmedCost];

/**
 * Sampling looks at a trace's beginning, where nobody knows yet how it ends. So the spans of a trace that is not sampled are
 * held for a while, and go out all the same once one of them has failed, or has cost so much, or comes from a run that says
 * so of itself (its header is sampled from then on). Each process holds its own: what another one has let go of is lost.
 */
export function keepingTheTelling(
  next: SpanProcessor,
  { keepAboveNanoUsd }: { readonly keepAboveNanoUsd: number },
): SpanProcessor {
  const held = createHold();
  const kept = new LRUCache<string, true>({ max: TRACES_KEPT });
  const isTelling = ({ status, attributes }: ReadableSpan) =>
    status.code === SpanStatusCode.ERROR || COSTS.some((name) => Number(attributes[name] ?? 0) >= keepAboveNanoUsd);
  return {
    onStart: (span, context) => next.onStart(span, context),
    onEnd(span) {
      const { traceId, traceFlags } = span.spanContext();
      const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
      if (!isSampled && !kept.has(traceId) && !isTelling(span)) {
        held.add(traceId, span);
        return;
      }
      if (!isSampled) kept.set(traceId, true);
      for (const earlier of held.take(traceId)) next.onEnd(sampled(earlier));
      next.onEnd(isSampled ? span : sampled(span));
    },
    forceFlush: async () => await next.forceFlush(),
    shutdown: async () => await next.shutdown(),
  };
}

/** Spans by trace; where there are too many, those of the trace that began first are let go of. */
function createHold() {
  const traces = new Map<string, ReadableSpan[]>();
  let count = 0;
  const take = (traceId: string): readonly ReadableSpan[] => {
    const spans = traces.get(traceId) ?? [];
    traces.delete(traceId);
    count -= spans.length;
    return spans;
  };
  return {
    take,
    add(traceId: string, span: ReadableSpan) {
      const spans = traces.get(traceId);
      if (spans) spans.push(span);
      else traces.set(traceId, [span]);
      count += 1;
      if (count > SPANS_HELD) take(traces.keys().next().value ?? "");
    },
  };
}

/** The same span, as one that is stored. */
function sampled(span: ReadableSpan): ReadableSpan {
  const context = { ...span.spanContext(), traceFlags: TraceFlags.SAMPLED };
  return Object.create(span, { spanContext: { value: () => context } }) as ReadableSpan;
}

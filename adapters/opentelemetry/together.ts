import { type Context, isSpanContextValid, trace } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";

/** An activity's spans beyond these go out as they end. */
const MOST_TOGETHER = 1_000;

/** Spans that somebody's tool never ends are forgotten, and those below them go out as they end. */
const MOST_OPEN = 10_000;

interface Together {
  /** Within this process, and not ended yet. */
  readonly rootId: string;
  readonly ended: ReadableSpan[];
}

/**
 * What happens within an activity goes out with the activity: all of it or, where the process dies meanwhile, nothing. The
 * next attempt's spans are then the only ones, and none of the first attempt's hang below one that never ended.
 */
export function goingOutTogether(next: SpanProcessor): SpanProcessor {
  // In the order in which they began.
  const open = new Map<string, Together>();
  const outermost = (outer: Context) => {
    const parent = trace.getSpanContext(outer);
    return parent && isSpanContextValid(parent) && parent.isRemote !== true ? open.get(parent.spanId) : undefined;
  };
  return {
    onStart(span, outer) {
      const { spanId } = span.spanContext();
      open.set(spanId, outermost(outer) ?? { rootId: spanId, ended: [] });
      if (open.size > MOST_OPEN) open.delete(open.keys().next().value ?? "");
      next.onStart(span, outer);
    },
    onEnd(span) {
      const { spanId } = span.spanContext();
      const together = open.get(spanId);
      open.delete(spanId);
      const isRoot = together?.rootId === spanId;
      if (together && !isRoot && open.has(together.rootId) && together.ended.length < MOST_TOGETHER) {
        together.ended.push(span);
        return;
      }
      if (isRoot) for (const inner of together.ended) next.onEnd(inner);
      next.onEnd(span);
    },
    forceFlush: async () => await next.forceFlush(),
    shutdown: async () => await next.shutdown(),
  };
}

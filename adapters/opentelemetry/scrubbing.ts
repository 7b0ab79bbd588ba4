import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { GEN_AI } from "../../core/gen-ai.js";

/** What we write ourselves has no text of others, but for these. */
const OURS = /^(wflo(\/workflow)?|@temporalio\/.*)$/;
const SAID: readonly string[] = [
  ...[GEN_AI.instructions, GEN_AI.inputMessages, GEN_AI.outputMessages],
  ...[GEN_AI.toolArguments, GEN_AI.toolResult],
];

/** An exporter that no secret passes: not in an error's words, nor in what people and models say, nor in a tool's own spans. */
export function scrubbing(exporter: SpanExporter, scrub: (text: string) => string): SpanExporter {
  const clean = (value: unknown) => (typeof value === "string" ? scrub(value) : value);
  const cleanAll = (attributes: ReadableSpan["attributes"] = {}) =>
    Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, clean(value)]));
  const cleaned = (span: ReadableSpan): ReadableSpan => {
    const { status, events, attributes, instrumentationScope } = span;
    const isOurs = OURS.test(instrumentationScope.name);
    const isPlain = isOurs && !SAID.some((name) => name in attributes);
    if (isPlain && events.length === 0 && status.message === undefined) return span;
    return Object.create(span, {
      attributes: { value: isPlain ? attributes : cleanAll(attributes) },
      status: { value: status.message === undefined ? status : { ...status, message: scrub(status.message) } },
      events: { value: events.map((event) => ({ ...event, attributes: cleanAll(event.attributes) })) },
    }) as ReadableSpan;
  };
  return {
    export: (spans, done) => exporter.export(spans.map(cleaned), done),
    shutdown: async () => await exporter.shutdown(),
    forceFlush: async () => await exporter.forceFlush?.(),
  };
}

import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";

/** What others write into a span where something fails: messages and stacks, that may quote anything. */
const SAID_BY_ERRORS = ["exception.message", "exception.stacktrace"];

/** An exporter that no secret passes: not in an error's words, nor in what people and models say. */
export function scrubbing(exporter: SpanExporter, scrub: (text: string) => string): SpanExporter {
  const clean = <T>(value: T): T => (typeof value === "string" ? (scrub(value) as T) : value);
  const cleanAttributes = (attributes: ReadableSpan["attributes"]) =>
    Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, clean(value)]));
  const cleaned = (span: ReadableSpan): ReadableSpan => {
    const { status, events, attributes } = span;
    const members = {
      attributes: { value: cleanAttributes(attributes) },
      status: { value: status.message === undefined ? status : { ...status, message: scrub(status.message) } },
      events: {
        value: events.map((event) =>
          event.attributes && SAID_BY_ERRORS.some((name) => name in (event.attributes ?? {}))
            ? { ...event, attributes: cleanAttributes(event.attributes) }
            : event,
        ),
      },
    };
    return Object.create(span, members) as ReadableSpan;
  };
  return {
    export: (spans, done) => exporter.export(spans.map(cleaned), done),
    shutdown: async () => await exporter.shutdown(),
    forceFlush: async () => await exporter.forceFlush?.(),
  };
}

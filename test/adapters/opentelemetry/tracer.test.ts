import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { context, propagation, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { createTracer } from "../../../adapters/opentelemetry/tracer.js";
import { NO_TRACER } from "../../../ports/tracer.js";

const exporter = new InMemorySpanExporter();
beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
});
beforeEach(() => exporter.reset());
afterAll(() => {
  trace.disable();
  context.disable();
  propagation.disable();
});
const spans = () => exporter.getFinishedSpans();

test("spans made meanwhile are children, over every wait", async () => {
  const tracer = createTracer({ content: false });
  const answer = await tracer.span("outer", { kind: "client", attributes: { a: 1 } }, async (span) => {
    await Promise.resolve();
    span.set({ b: "two" });
    return await tracer.span("inner", {}, async () => tracer.traceparent());
  });
  const [inner, outer] = spans();
  expect([inner?.name, outer?.name]).toEqual(["inner", "outer"]);
  expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
  expect(outer?.attributes).toEqual({ a: 1, b: "two" });
  expect(answer).toBe(`00-${inner?.spanContext().traceId}-${inner?.spanContext().spanId}-01`);
  expect(tracer.traceparent()).toBeUndefined();
});

test("a span may have its cause elsewhere; what is no traceparent is none", async () => {
  const tracer = createTracer({ content: false });
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  await tracer.span("caused", { parent: `00-${traceId}-b7ad6b7169203331-01` }, async () => {});
  await tracer.span("by itself", { parent: "nonsense" }, async () => {});
  const [caused, alone] = spans();
  expect(caused?.parentSpanContext).toMatchObject({ traceId, spanId: "b7ad6b7169203331", isRemote: true });
  expect(alone?.parentSpanContext).toBeUndefined();
});

test("work that throws has failed, by the error's name and never by its words, unless it said itself of what", async () => {
  const tracer = createTracer({ content: false });
  const work = async (says?: string) =>
    await tracer.span("work", {}, async (span) => {
      if (says !== undefined) span.fail(says);
      throw new RangeError("the prompt said: hunter22");
    });
  await expect(work()).rejects.toThrow("hunter22");
  await expect(work("429")).rejects.toThrow("hunter22");
  expect(spans().map(({ attributes, status }) => [attributes["error.type"], status.code])).toEqual([
    ["RangeError", SpanStatusCode.ERROR],
    ["429", SpanStatusCode.ERROR],
  ]);
  expect(JSON.stringify(spans().map(({ attributes, status, events }) => [attributes, status, events]))).not.toContain(
    "hunter22",
  );
});

test("where nobody traces the work is done all the same", async () => {
  expect(
    await NO_TRACER.span("work", {}, async (span) => {
      span.set({ a: 1 });
      span.fail("x");
      return 7;
    }),
  ).toBe(7);
  expect(NO_TRACER.traceparent()).toBeUndefined();
});

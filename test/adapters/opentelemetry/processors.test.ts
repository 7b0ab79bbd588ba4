import { beforeEach, describe, expect, test } from "@jest/globals";
import { context, ROOT_CONTEXT, SpanStatusCode, TraceFlags, trace } from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  createAlwaysRecordSampler,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { keepingTheTelling } from "../../../adapters/opentelemetry/keeping.js";
import { scrubbing } from "../../../adapters/opentelemetry/scrubbing.js";
import { goingOutTogether } from "../../../adapters/opentelemetry/together.js";

let out: ReadableSpan[] = [];
beforeEach(() => {
  out = [];
});
const taking: SpanProcessor = {
  onStart: () => {},
  onEnd: (span) => void out.push(span),
  forceFlush: async () => {},
  shutdown: async () => {},
};
const names = () => out.map(({ name }) => name);
const elsewhere = (traceId: string, traceFlags: TraceFlags) =>
  trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: "b7ad6b7169203331", traceFlags, isRemote: true });

describe("spans of an activity", () => {
  const tracer = () =>
    new TracerProvider({ sampler: new AlwaysOnSampler(), spanProcessors: [goingOutTogether(taking)] }).getTracer(
      "test",
    );

  test("go out with it, and not at all where it never ends", () => {
    const of = tracer();
    const activity = of.startSpan("activity", {}, elsewhere("0af7651916cd43dd8448eb211c80319c", TraceFlags.SAMPLED));
    const inner = of.startSpan("inner", {}, trace.setSpan(context.active(), activity));
    of.startSpan("innermost", {}, trace.setSpan(context.active(), inner)).end();
    inner.end();
    expect(names()).toEqual([]);
    activity.end();
    expect(names()).toEqual(["innermost", "inner", "activity"]);
  });

  test("that end after it go out by themselves, and so do too many", () => {
    const of = tracer();
    const activity = of.startSpan("activity", {}, ROOT_CONTEXT);
    const within = trace.setSpan(context.active(), activity);
    const late = of.startSpan("late", {}, within);
    for (let count = 0; count < 1_200; count += 1) of.startSpan("many", {}, within).end();
    expect(names()).toHaveLength(200);
    activity.end();
    late.end();
    expect(names()).toHaveLength(1_202);
    expect(names().at(-1)).toBe("late");
  });
});

test("spans that never end are forgotten, and what ends goes out", () => {
  const of = new TracerProvider({ spanProcessors: [goingOutTogether(taking)] }).getTracer("test");
  const activity = of.startSpan("activity", {}, ROOT_CONTEXT);
  for (let count = 0; count < 20_000; count += 1) of.startSpan("leaked", {}, ROOT_CONTEXT);
  of.startSpan("inner", {}, trace.setSpan(context.active(), activity)).end();
  activity.end();
  expect(names()).toEqual(["inner", "activity"]);
});

describe("where a share of the traces is stored", () => {
  const tracer = () =>
    new TracerProvider({
      sampler: createAlwaysRecordSampler(new ParentBasedSampler({ root: new AlwaysOffSampler() })),
      spanProcessors: [keepingTheTelling(taking, { keepAboveNanoUsd: 1_000 })],
    }).getTracer("test");
  const trace1 = "0af7651916cd43dd8448eb211c80319c";
  const trace2 = "1af7651916cd43dd8448eb211c80319c";
  const unsampled = (traceId: string) => elsewhere(traceId, TraceFlags.NONE);

  test("the others' spans are held, and go out once one of them failed, as stored ones", () => {
    const of = tracer();
    of.startSpan("fine", {}, unsampled(trace1)).end();
    of.startSpan("of another", {}, unsampled(trace2)).end();
    expect(names()).toEqual([]);
    const failed = of.startSpan("failed", {}, unsampled(trace1));
    failed.setStatus({ code: SpanStatusCode.ERROR });
    failed.end();
    of.startSpan("after it", {}, unsampled(trace1)).end();
    expect(names()).toEqual(["fine", "failed", "after it"]);
    for (const span of out) expect(span.spanContext().traceFlags).toBe(TraceFlags.SAMPLED);
    expect(out[0]?.attributes).toEqual({});
  });

  test("one that costs much is told of, a cheap one is not", () => {
    const of = tracer();
    of.startSpan("cheap", { attributes: { "wflo.cost.nano_usd": 999 } }, unsampled(trace1)).end();
    expect(names()).toEqual([]);
    of.startSpan("dear", { attributes: { "wflo.cost.nano_usd": 1_000 } }, unsampled(trace1)).end();
    expect(names()).toEqual(["cheap", "dear"]);
  });

  test("a run that says so of itself brings out what was held of it", () => {
    const of = tracer();
    of.startSpan("before", {}, unsampled(trace1)).end();
    of.startSpan("now", {}, elsewhere(trace1, TraceFlags.SAMPLED)).end();
    expect(names()).toEqual(["before", "now"]);
  });

  test("what is held is bounded", () => {
    const of = tracer();
    for (let count = 0; count < 20_000; count += 1) {
      of.startSpan("fine", {}, unsampled(count.toString(16).padStart(32, "1"))).end();
    }
    const first = of.startSpan("failed", {}, unsampled("0".padStart(32, "1")));
    first.setStatus({ code: SpanStatusCode.ERROR });
    first.end();
    expect(names()).toEqual(["failed"]);
  });
});

test("no secret passes the exporter: not in an error's words, its stack, nor in what is said", async () => {
  const exported: ReadableSpan[] = [];
  const exporter = scrubbing(
    {
      export: (spans, done) => {
        exported.push(...spans);
        done({ code: 0 });
      },
      shutdown: async () => {},
    },
    (text) => text.replaceAll("hunter22", "[redacted]"),
  );
  const span = new TracerProvider({ spanProcessors: [taking] }).getTracer("test").startSpan("call", {
    attributes: { said: "it is hunter22", count: 7 },
  });
  span.recordException(new Error("wrong password hunter22"));
  span.setStatus({ code: SpanStatusCode.ERROR, message: "hunter22" });
  span.end();
  exporter.export(out, () => {});
  const [clean] = exported;
  expect(clean?.attributes).toEqual({ said: "it is [redacted]", count: 7 });
  const whole = JSON.stringify([clean?.attributes, clean?.events, clean?.status]);
  expect(whole).toContain("wrong password [redacted]");
  expect(whole).not.toContain("hunter22");
});

import { expect, test } from "@jest/globals";
import { TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace";
import * as conventions from "@opentelemetry/semantic-conventions/incubating";
import fc from "fast-check";
import { GEN_AI, modelName, OPERATIONS, providerName } from "../../core/gen-ai.js";
import { formatTraceparent, isSampled, parseTraceparent, spanIdOf, traceIdOf } from "../../core/trace.js";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

test.each<[string, boolean]>([
  [`00-${TRACE}-${SPAN}-01`, true],
  [`00-${TRACE}-${SPAN}-00`, false],
  [`00-${TRACE}-${SPAN}-03`, true],
  // A later version may say more.
  [`01-${TRACE}-${SPAN}-01-more`, true],
])("%s is a traceparent", (text, sampled) => {
  expect(parseTraceparent(text)).toEqual({ traceId: TRACE, spanId: SPAN, sampled });
});

test.each<[unknown]>([
  [undefined],
  [null],
  [7],
  [{}],
  [""],
  ["00"],
  [`00-${TRACE}-${SPAN}`],
  [`ff-${TRACE}-${SPAN}-01`],
  [`00-${"0".repeat(32)}-${SPAN}-01`],
  [`00-${TRACE}-${"0".repeat(16)}-01`],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`],
  [`00-${TRACE}-${SPAN}-1`],
  [` 00-${TRACE}-${SPAN}-01`],
  [`00-${TRACE}-${SPAN}-01-${"x".repeat(1_000)}`],
])("%j is none", (text) => {
  expect(parseTraceparent(text)).toBeUndefined();
});

test("what is formatted is read again", () => {
  const context = { traceId: traceIdOf("run", "1"), spanId: spanIdOf("a", "b"), sampled: true };
  expect(parseTraceparent(formatTraceparent(context))).toEqual(context);
});

test("ids say what they are of, and names do not run together", () => {
  expect(spanIdOf("a", "bc")).toBe(spanIdOf("a", "bc"));
  expect(spanIdOf("a", "bc")).not.toBe(spanIdOf("ab", "c"));
});

test("a share of the traces is the one that OpenTelemetry's own sampler would take", () => {
  const hex = fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(hex, fc.double({ min: 0, max: 1, noNaN: true }), (digits, ratio) => {
      const traceId = digits.map((digit) => digit.toString(16)).join("");
      if (/^0+$/.test(traceId)) return;
      const { decision } = new TraceIdRatioBasedSampler(ratio).shouldSample({} as never, traceId);
      expect(isSampled(traceId, ratio)).toBe(decision === 2);
    }),
  );
});

test("the names are those of OpenTelemetry's conventions", () => {
  const known = new Set(Object.values(conventions));
  for (const name of [...Object.values(GEN_AI), ...Object.values(OPERATIONS)]) expect([...known]).toContain(name);
  expect([...known]).toContain(providerName("google/gemini-2.5-pro"));
  expect([...known]).toContain(providerName("anthropic/claude"));
});

test.each([
  ["openai/gpt-4.1", "openai", "gpt-4.1"],
  ["openai-compatible/a/b", "openai-compatible", "a/b"],
  ["google/gemini", "gcp.gemini", "gemini"],
])("%s is of %s", (model, provider, name) => {
  expect([providerName(model), modelName(model)]).toEqual([provider, name]);
});

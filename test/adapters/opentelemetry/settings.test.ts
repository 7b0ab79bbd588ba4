import { expect, test } from "@jest/globals";
import { openExporter } from "../../../adapters/opentelemetry/exporter.js";
import { samplingOf } from "../../../adapters/opentelemetry/settings.js";
import { isContentWanted, isTracingWanted } from "../../../adapters/opentelemetry/wanted.js";

test.each<[NodeJS.ProcessEnv, boolean]>([
  [{}, false],
  [{ OTEL_SERVICE_NAME: "x" }, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "" }, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318" }, true],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://localhost:4318/v1/traces" }, true],
  [{ OTEL_TRACES_EXPORTER: "otlp" }, true],
  [{ OTEL_TRACES_EXPORTER: "none", OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318" }, false],
  [{ OTEL_SDK_DISABLED: "true", OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318" }, false],
])("%j: spans are wanted: %s", (environment, wanted) => {
  expect(isTracingWanted(environment)).toBe(wanted);
});

test("what is said is in spans where the conventions' variable says so", () => {
  expect(isContentWanted({})).toBe(false);
  expect(isContentWanted({ OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true" })).toBe(true);
});

test.each<[NodeJS.ProcessEnv, number, string]>([
  [{}, 1, "ParentBased{root=TraceIdRatioBased{1}"],
  [{ OTEL_TRACES_SAMPLER: "always_off" }, 0, "TraceIdRatioBased{0}"],
  [{ OTEL_TRACES_SAMPLER: "parentbased_always_off" }, 0, "ParentBased{root=TraceIdRatioBased{0}"],
  [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" }, 0.25, "TraceIdRatioBased{0.25}"],
  [{ OTEL_TRACES_SAMPLER: "traceidratio" }, 1, "TraceIdRatioBased{1}"],
])("%j", (environment, ratio, name) => {
  const sampling = samplingOf(environment);
  expect(sampling.ratio).toBe(ratio);
  expect(String(sampling.sampler)).toContain(name);
});

test.each<[NodeJS.ProcessEnv, RegExp]>([
  [{ OTEL_TRACES_SAMPLER: "jaeger_remote" }, /OTEL_TRACES_SAMPLER is jaeger_remote; accepted are always_on, /],
  [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" }, /OTEL_TRACES_SAMPLER_ARG is 2; a number/],
  [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "half" }, /is half; a number from 0 to 1/],
])("%j is refused", (environment, problem) => {
  expect(() => samplingOf(environment)).toThrow(problem);
});

test.each<[NodeJS.ProcessEnv, RegExp]>([
  [{ OTEL_TRACES_EXPORTER: "zipkin" }, /OTEL_TRACES_EXPORTER is zipkin; accepted are otlp, console and none/],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: "udp" }, /OTEL_EXPORTER_OTLP_PROTOCOL is udp; accepted are http\/protobuf/],
])("%j is refused too", async (environment, problem) => {
  await expect(openExporter(environment)).rejects.toThrow(problem);
});

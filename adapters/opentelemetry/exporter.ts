import {
  BatchSpanProcessor,
  ConsoleSpanExporter,
  type SpanExporter,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What `OTEL_TRACES_EXPORTER` names (`otlp`, `console`), with the protocol of `OTEL_EXPORTER_OTLP_PROTOCOL`. Addresses,
 * headers, certificates and time-outs the exporter reads from its own `OTEL_EXPORTER_OTLP_…` variables.
 * @throws Error for an exporter or a protocol that there is not
 */
export async function openExporter(environment: Environment): Promise<SpanExporter> {
  const name = environment.OTEL_TRACES_EXPORTER?.trim() || "otlp";
  if (name === "console") return new ConsoleSpanExporter();
  if (name !== "otlp") throw new Error(`OTEL_TRACES_EXPORTER is ${name}; accepted are otlp, console and none`);
  const protocol =
    environment.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL?.trim() ||
    environment.OTEL_EXPORTER_OTLP_PROTOCOL?.trim() ||
    "http/protobuf";
  // gRPC alone takes a quarter of a second to load.
  switch (protocol) {
    case "http/protobuf":
      return new (await import("@opentelemetry/exporter-trace-otlp-proto")).OTLPTraceExporter();
    case "http/json":
      return new (await import("@opentelemetry/exporter-trace-otlp-http")).OTLPTraceExporter();
    case "grpc":
      return new (await import("@opentelemetry/exporter-trace-otlp-grpc")).OTLPTraceExporter();
    default:
      throw new Error(`OTEL_EXPORTER_OTLP_PROTOCOL is ${protocol}; accepted are http/protobuf, http/json and grpc`);
  }
}

/** What a process has not sent when it is killed is lost; OpenTelemetry's own default is 5,000. In milliseconds. */
const EXPORT_EVERY_MS = 1_000;

/** Spans wait in a queue that holds so many (`OTEL_BSP_MAX_QUEUE_SIZE`), and are lost where it is full. */
export function inBatches(exporter: SpanExporter, environment: Environment): SpanProcessor {
  const number = (name: string) => {
    const value = Number(environment[name]);
    return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  return new BatchSpanProcessor({
    exporter,
    maxQueueSize: number("OTEL_BSP_MAX_QUEUE_SIZE"),
    scheduledDelayMillis: number("OTEL_BSP_SCHEDULE_DELAY") ?? EXPORT_EVERY_MS,
    exportTimeoutMillis: number("OTEL_BSP_EXPORT_TIMEOUT"),
    maxExportBatchSize: number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
  } as ConstructorParameters<typeof BatchSpanProcessor>[0]);
}

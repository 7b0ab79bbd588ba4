type Environment = Readonly<Record<string, string | undefined>>;

/** Spans go nowhere unless somebody says where to: a receiver's address, or an exporter's name. */
export function isTracingWanted(environment: Environment): boolean {
  if (/^true$/i.test(environment.OTEL_SDK_DISABLED ?? "")) return false;
  const exporter = environment.OTEL_TRACES_EXPORTER?.trim();
  if (exporter === "none") return false;
  return [exporter, environment.OTEL_EXPORTER_OTLP_ENDPOINT, environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT].some(
    (text) => text !== undefined && text.trim() !== "",
  );
}

/** People's and models' words belong into spans: the variable that OpenTelemetry's own instrumentations read. */
export function isContentWanted(environment: Environment): boolean {
  return /^true$/i.test(environment.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT ?? "");
}

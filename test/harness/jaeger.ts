import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../workers/free-port.js";
import { type StartedProcess, startProcess } from "./processes.js";

/** A span as Jaeger tells it. */
export interface JaegerSpan {
  readonly traceID: string;
  readonly spanID: string;
  readonly operationName: string;
  readonly references: readonly { readonly refType: string; readonly traceID: string; readonly spanID: string }[];
  /** Microseconds. */
  readonly startTime: number;
  readonly duration: number;
  readonly tags: readonly { readonly key: string; readonly value: unknown }[];
  readonly logs: readonly { readonly fields: readonly { readonly key: string; readonly value: unknown }[] }[];
}

/** A real receiver of spans, that can be asked. */
export interface Jaeger {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`, over HTTP. */
  readonly endpoint: string;
  readonly grpcEndpoint: string;
  /** All spans of a service, whatever their trace. */
  spans(service?: string): Promise<readonly JaegerSpan[]>;
  readonly stop: StartedProcess["stop"];
}

/** @param program Jaeger 2 @param folder for its configuration */
export async function startJaeger(program: string, folder: string): Promise<Jaeger> {
  const [http, grpc, query, queryGrpc] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const file = join(folder, "jaeger.yaml");
  await writeFile(
    file,
    `service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {receivers: [otlp], processors: [], exporters: [jaeger_storage_exporter]}
  telemetry: {metrics: {level: none}, logs: {level: warn}}
extensions:
  jaeger_query: {storage: {traces: memory}, http: {endpoint: "127.0.0.1:${query}"}, grpc: {endpoint: "127.0.0.1:${queryGrpc}"}}
  jaeger_storage: {backends: {memory: {memory: {max_traces: 10000}}}}
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${grpc}"}, http: {endpoint: "127.0.0.1:${http}"}}}
exporters:
  jaeger_storage_exporter: {trace_storage: memory}
`,
  );
  // It says that it has no pictures for its pages, once it serves them.
  const { stop } = await startProcess({ command: program, args: ["--config", file], ready: /ui assets/ });
  return {
    endpoint: `http://127.0.0.1:${http}`,
    grpcEndpoint: `http://127.0.0.1:${grpc}`,
    async spans(service = "wflo") {
      const answer = await fetch(`http://127.0.0.1:${query}/api/traces?service=${service}&limit=1000&lookback=1h`);
      const { data } = (await answer.json()) as { data: { spans: JaegerSpan[] }[] | null };
      return (data ?? []).flatMap(({ spans }) => spans);
    },
    stop,
  };
}

export function tagsOf({ tags }: JaegerSpan): Readonly<Record<string, unknown>> {
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]));
}

/** The names of a span and of all above it, the outermost first. */
export function lineage(spans: readonly JaegerSpan[], span: JaegerSpan): readonly string[] {
  const parentId = span.references.find(({ refType }) => refType === "CHILD_OF")?.spanID;
  if (parentId === undefined) return [span.operationName];
  const parent = spans.find(({ spanID }) => spanID === parentId);
  return [...(parent ? lineage(spans, parent) : ["(not there)"]), span.operationName];
}

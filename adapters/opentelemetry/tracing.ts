import { DiagLogLevel, diag } from "@opentelemetry/api";
import {
  CompositePropagator,
  setGlobalErrorHandler,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from "@opentelemetry/core";
import {
  defaultResource,
  detectResources,
  envDetector,
  hostDetector,
  type Resource,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from "@opentelemetry/resources";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { createAlwaysRecordSampler } from "@opentelemetry/sdk-trace";
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from "@opentelemetry/semantic-conventions";
import type { EndedSpan, TraceSettings } from "../../core/trace.js";
import type { Logger } from "../../ports/logger.js";
import type { Tracer } from "../../ports/tracer.js";
import { readableSpan } from "./ended-span.js";
import { inBatches, openExporter } from "./exporter.js";
import { keepingTheTelling } from "./keeping.js";
import { scrubbing } from "./scrubbing.js";
import { samplingOf } from "./settings.js";
import { goingOutTogether } from "./together.js";
import { createTracer } from "./tracer.js";
import { isContentWanted } from "./wanted.js";

/** A process that exports spans. */
export interface Tracing {
  readonly tracer: Tracer;
  /** For the workflows of this process. */
  readonly settings: TraceSettings;
  /** Takes the spans that workflows make. */
  spanEnded(span: EndedSpan): void;
  /** Exports what is left, before the process ends; waits no longer than two seconds for it. */
  flush(): Promise<void>;
}

export interface TracingOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly version: string;
  readonly keepAboveNanoUsd: number;
  readonly logger: Pick<Logger, "warn">;
  /** Takes secrets out of a text. */
  readonly scrub: (text: string) => string;
}

/** A receiver that does not answer keeps a process from ending for no longer than this, in milliseconds. */
const FLUSH_PATIENCE_MS = 2_000;

/** Problems of an exporter are told no more often than this, in milliseconds. */
const TELL_EVERY_MS = 60_000;

/**
 * Starts OpenTelemetry's SDK for this process, once. Nothing that an exporter does or does not do reaches a run: spans that
 * can't be sent are lost, memory stays bounded, and a line a minute says so.
 * @throws Error for wrong `OTEL_…` variables, that names them
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { environment, version, keepAboveNanoUsd, scrub } = options;
  const { sampler, ratio } = samplingOf(environment);
  const exporter = await openExporter(environment);
  const told = sparingly(options.logger);
  const keepsSome = ratio < 1;
  const batches = inBatches(scrubbing(exporter, scrub), environment);
  const processor = keepsSome ? keepingTheTelling(batches, { keepAboveNanoUsd }) : batches;
  const resource = resourceOf(version);
  const sdk = new NodeSDK({
    resource,
    autoDetectResources: false,
    sampler: keepsSome ? createAlwaysRecordSampler(sampler) : sampler,
    spanProcessors: [goingOutTogether(processor)],
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
    // Runs hand this one on, and no other: whatever OTEL_PROPAGATORS says, a run stays one trace.
    textMapPropagator: new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
    }),
  });
  sdk.start();
  setGlobalErrorHandler((error) => told(error instanceof Error ? error.message : String(error)));
  diag.setLogger(
    { error: told, warn: told, info: () => {}, debug: () => {}, verbose: () => {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  return {
    tracer: createTracer({ content: isContentWanted(environment) }),
    settings: { sampleRatio: ratio, keepAboveNanoUsd },
    spanEnded: (span) => processor.onEnd(readableSpan(span, resource)),
    async flush() {
      const patience = new Promise<void>((resolve) => setTimeout(resolve, FLUSH_PATIENCE_MS).unref());
      await Promise.race([processor.forceFlush().catch(() => undefined), patience]);
    },
  };
}

/** Not the process's: its command line may have what belongs to nobody else. */
function resourceOf(version: string): Resource {
  const ours = resourceFromAttributes({ [ATTR_SERVICE_NAME]: "wflo", [ATTR_SERVICE_VERSION]: version });
  const detected = detectResources({ detectors: [hostDetector, serviceInstanceIdDetector, envDetector] });
  return defaultResource().merge(ours).merge(detected);
}

/** One line for many problems of the same kind. */
function sparingly({ warn }: Pick<Logger, "warn">): (message: string) => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  let silent = 0;
  return (message) => {
    if (performance.now() - toldAt < TELL_EVERY_MS) {
      silent += 1;
      return;
    }
    const more = silent === 0 ? "" : ` (and ${silent} more since the last line)`;
    warn(`spans can't be exported, and are lost; runs go on without: ${message}${more}`);
    toldAt = performance.now();
    silent = 0;
  };
}

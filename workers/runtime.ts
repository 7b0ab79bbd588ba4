import { LoggerWithComposedMetadata } from "@temporalio/common/lib/logger.js";
import { type LogLevel, makeTelemetryFilterString, Runtime, type Logger as SdkLogger } from "@temporalio/worker";
import type { Logger } from "../ports/logger.js";
import { freePort } from "./free-port.js";

/** Where the SDK core serves its own metrics, on loopback. */
export interface InstalledRuntime {
  readonly coreMetricsUrl: string | undefined;
}

/** Of a worker that runs code and no workflows: as it should be. */
const EXPECTED = /^No workflows registered/;

let installed: Promise<InstalledRuntime> | undefined;

/**
 * Sets up the SDK's runtime once in a process: its log lines go to our logger, its metrics to a loopback port that
 * `/metrics` hands on. Signals are ours: a worker drains when we say so.
 */
export async function installRuntime(
  logger: Logger,
  options: { readonly metrics: boolean },
): Promise<InstalledRuntime> {
  installed ??= install(logger, options);
  return await installed;
}

/** A workflow's lines say `runId`, an activity's `workflowRunId`: here it is one name. */
function factsOf(meta: object): Record<string, unknown> {
  const { workflowRunId, ...facts } = meta as Record<string, unknown>;
  return workflowRunId === undefined ? facts : { ...facts, runId: workflowRunId };
}

async function install(logger: Logger, options: { readonly metrics: boolean }): Promise<InstalledRuntime> {
  const bindAddress = options.metrics ? `127.0.0.1:${await freePort()}` : undefined;
  const log = (level: LogLevel, message: string, meta: object = {}) => {
    if (!EXPECTED.test(message)) logger.log(level.toLowerCase() as Lowercase<LogLevel>, message, factsOf(meta));
  };
  const runtime = Runtime.install({
    shutdownSignals: [],
    logger: {
      log,
      trace: (message, meta) => log("TRACE", message, meta),
      debug: (message, meta) => log("DEBUG", message, meta),
      info: (message, meta) => log("INFO", message, meta),
      warn: (message, meta) => log("WARN", message, meta),
      error: (message, meta) => log("ERROR", message, meta),
    },
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: "WARN", other: "ERROR" }) },
      ...(bindAddress === undefined ? {} : { metrics: { prometheus: { bindAddress, countersTotalSuffix: true } } }),
    },
  });
  leaveOut(runtime.logger, logger);
  return { coreMetricsUrl: bindAddress === undefined ? undefined : `http://${bindAddress}/metrics` };
}

/**
 * The SDK writes a dozen lines a turn for whoever traces it. Before anybody looks at a line's level it has gathered what the line is
 * about, and kept it for a tenth of a second, to bring it in order with the core's.
 */
function leaveOut(sdk: SdkLogger, logger: Logger): void {
  for (const level of ["trace", "debug"] as const) {
    if (logger.isEnabled(level)) continue;
    sdk[level] = () => {};
    LoggerWithComposedMetadata.prototype[level] = () => {};
  }
}

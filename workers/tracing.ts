import type { Tracing } from "../adapters/opentelemetry/tracing.js";
import { isTracingWanted } from "../adapters/opentelemetry/wanted.js";
import { createScrubber, secretValues } from "../adapters/pino/redaction.js";
import type { Logger } from "../ports/logger.js";
import { type Config, WrongSettings } from "./config.js";
import { packageVersion } from "./tool-finder.js";

let opened: Promise<Tracing> | undefined;

/**
 * Tracing of this process, begun once; undefined where no variable says where spans go to, and then nothing of
 * OpenTelemetry's SDK is loaded.
 * @throws WrongSettings
 */
export async function openTracing(
  { environment, traceKeepNanoUsd }: Pick<Config, "environment" | "traceKeepNanoUsd">,
  logger: Pick<Logger, "warn">,
): Promise<Tracing | undefined> {
  if (!isTracingWanted(environment)) return undefined;
  opened ??= begin(environment, traceKeepNanoUsd, logger);
  return await opened;
}

async function begin(environment: NodeJS.ProcessEnv, keepAboveNanoUsd: number, logger: Pick<Logger, "warn">) {
  const { startTracing } = await import("../adapters/opentelemetry/tracing.js");
  const scrub = createScrubber(secretValues(environment));
  try {
    return await startTracing({ environment, version: packageVersion(), keepAboveNanoUsd, logger, scrub });
  } catch (error) {
    throw new WrongSettings([error instanceof Error ? error.message : String(error)]);
  }
}

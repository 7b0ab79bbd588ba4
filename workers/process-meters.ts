import { storedSpanIds } from "../adapters/opentelemetry/active-span.js";
import { createPrometheusMeters, type PrometheusMeters } from "../adapters/prometheus/meters.js";
import type { Logger } from "../ports/logger.js";

/** The metrics of a process: a bug in a measurement is logged and fails nothing. */
export function metersOf(logger: Logger): PrometheusMeters {
  return createPrometheusMeters({
    exemplar: storedSpanIds,
    onViolation: (violation) => logger.error(violation.message),
    onOverflow: (message) => logger.warn(message),
  });
}

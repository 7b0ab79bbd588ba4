import { createLogger } from "../adapters/pino/logger.js";
import type { Logger } from "../ports/logger.js";
import type { Config } from "./config.js";
import { logSurroundings } from "./log-surroundings.js";

/** The log of a process, as its settings want it. */
export function loggerOf({ logLevel: level, logContent: content, environment }: Config): Logger {
  return createLogger({ level, content, environment, surroundings: logSurroundings });
}

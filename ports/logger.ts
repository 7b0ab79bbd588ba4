/** Facts of a log line; `workflowId`, `runId`, `turn` and `tool` are on every line of a run. */
export type LogFacts = Readonly<Record<string, unknown>>;

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

/** Lines for people and for machines; never a secret, never a prompt. */
export interface Logger {
  /** Lines of this level are written: who makes many of them may ask first. */
  isEnabled(level: LogLevel): boolean;
  log(level: LogLevel, message: string, facts?: LogFacts): void;
  debug(message: string, facts?: LogFacts): void;
  info(message: string, facts?: LogFacts): void;
  warn(message: string, facts?: LogFacts): void;
  error(message: string, facts?: LogFacts): void;
  /** A logger whose lines all have these facts. */
  child(facts: LogFacts): Logger;
}

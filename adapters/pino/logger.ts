import { pino } from "pino";
import { prettyFactory } from "pino-pretty";
import type { LogFacts, Logger } from "../../ports/logger.js";
import { createScrubber, loggable, secretValues } from "./redaction.js";

/** Takes finished lines, each with its newline. */
export interface LogDestination {
  write(line: string): void;
}

export interface LoggerOptions {
  /** @default "info" */
  readonly level?: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  /** Coloured lines for people in place of JSON. @default whether standard error is a terminal */
  readonly pretty?: boolean;
  /** @default standard error: standard output belongs to results */
  readonly destination?: LogDestination;
  /** Its keys, tokens and passwords are taken out of every line. @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Prompts, answers, arguments and results are logged too. @default false */
  readonly content?: boolean;
  /** What is being done where a line is written: on every line, unless the line says otherwise. @default nothing */
  readonly surroundings?: () => LogFacts | undefined;
}

/** Names of pino's own members of a line; a fact of this name gets an underscore. */
const OWN_MEMBERS: ReadonlySet<string> = new Set(["level", "time", "pid", "msg"]);

/** JSON lines by pino, or lines for people. Never throws, whatever the facts are and whether or not anybody reads. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const { level = "info", content = false, environment = process.env } = options;
  const destination = options.destination ?? standardError();
  const pretty = options.pretty ?? (options.destination === undefined && process.stderr.isTTY === true);
  const scrub = createScrubber(secretValues(environment));
  const format = pretty ? prettyFactory({ colorize: process.stderr.hasColors?.() ?? false, ignore: "pid" }) : undefined;
  const root = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      ...(options.surroundings
        ? { mixin: () => options.surroundings?.() ?? {}, mixinMergeStrategy: whatTheLineSays }
        : {}),
    },
    {
      write: (line: string) => {
        const clean = scrub(line);
        destination.write(format?.(shown(clean)) ?? clean);
      },
    },
  );
  return portOf(root, content);
}

function whatTheLineSays(line: object, surroundings: object): object {
  return { ...surroundings, ...line };
}

/** A JSON line whose texts move no cursor and change no colour once they are printed. */
function shown(line: string): string {
  return line
    .replace(/\\u00([01][0-9a-f])|\\([bf])/g, (code) => `\\${code}`)
    .replace(/[\u007f-\u009f]/g, (code) => `\\\\x${code.charCodeAt(0).toString(16)}`);
}

function portOf(log: pino.Logger, content: boolean): Logger {
  const write = (level: keyof Pick<pino.Logger, "trace" | "debug" | "info" | "warn" | "error">) => {
    return (message: string, facts?: LogFacts) => {
      if (log.isLevelEnabled(level)) log[level](safe(facts, content), message);
    };
  };
  const levels = {
    trace: write("trace"),
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
  };
  const { trace: _trace, ...methods } = levels;
  return {
    ...methods,
    isEnabled: (level) => log.isLevelEnabled(level),
    log: (level, message, facts) => levels[level](message, facts),
    child: (facts) => portOf(log.child(safe(facts, content)), content),
  };
}

function safe(facts: LogFacts | undefined, content: boolean): Record<string, unknown> {
  if (facts === undefined) return {};
  try {
    const entries = Object.entries(loggable(facts, { content }));
    return Object.fromEntries(entries.map(([name, fact]) => [OWN_MEMBERS.has(name) ? `${name}_` : name, fact]));
  } catch (error) {
    // A getter or proxy of somebody else's object that throws.
    return { unloggable: String(error) };
  }
}

/** Written at once, so that the last line before a crash is there; a reader that has gone is no reason to end. */
function standardError(): LogDestination {
  const stream = pino.destination({ dest: 2, sync: true });
  stream.on("error", () => {});
  return { write: (line) => void stream.write(line) };
}

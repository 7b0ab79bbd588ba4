import type { Command } from "commander";
import type { Tracing } from "../adapters/opentelemetry/tracing.js";
import type { WfloClient } from "../client/index.js";
import type { Config } from "../workers/config.js";
import { uiUrlOf } from "./dev-server-note.js";
import { createOutput, type Output } from "./output.js";
import type { CliPorts } from "./ports.js";
import type { Surroundings } from "./surroundings.js";

/** What every command is given beside its own arguments. */
export interface CommandContext {
  readonly surroundings: Surroundings;
  /** Takes the exit code of the command that ran. */
  readonly finish: (exitCode: number) => void;
}

/** A command at work: what it says, the settings, and what is opened when it is first asked for. */
export interface Session {
  readonly surroundings: Surroundings;
  readonly output: Output;
  readonly config: Config;
  client(): Promise<WfloClient>;
  ports(): Promise<CliPorts>;
}

/** The server is asked no longer than this whether it is there, in milliseconds. */
const CONNECT_TIMEOUT_MS = 5_000;

/** The option that every command has which answers something. */
export function withJson(command: Command): Command {
  return command.option("--json", "print one JSON document on stdout, and nothing else there", false);
}

/**
 * What a command does, wired to commander: reads the settings, runs `work`, closes what it opened. `work` answers the exit
 * code; nothing is 0.
 */
export function inSession<Arguments extends readonly unknown[]>(
  { surroundings, finish }: CommandContext,
  work: (session: Session, ...values: Arguments) => Promise<number | undefined>,
): (...values: [...Arguments, ...unknown[]]) => Promise<void> {
  return async (...values) => {
    const command = values.at(-1) as Command;
    // A command that answers something itself takes the option from those below it.
    const output = createOutput(surroundings, command.optsWithGlobals<{ json?: boolean }>().json === true);
    const { readConfig } = await import("../workers/config.js");
    const config = readConfig(surroundings.environment, surroundings.folder);
    const opened = openLazily(surroundings, config);
    try {
      const own = values.slice(0, -1) as unknown as Arguments;
      finish((await work({ surroundings, output, config, ...opened }, ...own)) ?? 0);
    } finally {
      await opened.close();
    }
  };
}

function openLazily(surroundings: Surroundings, config: Config) {
  let ports: Promise<CliPorts> | undefined;
  let client: Promise<WfloClient> | undefined;
  const openPorts = async () => {
    ports ??= surroundings.openPorts(config);
    return await ports;
  };
  let tracing: Tracing | undefined;
  const openClient = async () => {
    const [{ connect }, { openTracing }] = await Promise.all([
      import("../client/index.js"),
      import("../workers/tracing.js"),
    ]);
    const warn = (message: string) => void surroundings.stderr.write(`${message}\n`);
    tracing = await openTracing(config, { warn });
    return await connect({
      environment: surroundings.environment,
      taskQueue: config.taskQueue,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      uiUrl: async (address) => await uiUrlOf(config.stateFolder, address),
      blobs: { get: async (address) => await (await openPorts()).blobs.get(address) },
    });
  };
  return {
    ports: openPorts,
    async client() {
      client ??= openClient();
      return await client;
    },
    async close() {
      const closing = [client, ports].map(async (one) => await (await one?.catch(() => undefined))?.close());
      await Promise.all(closing);
      await tracing?.flush();
    },
  };
}

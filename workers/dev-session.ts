import { resolve } from "node:path";
import type { Logger } from "../ports/logger.js";
import { type Config, readConfig } from "./config.js";
import { type DevServer, startDevServer } from "./dev-server.js";
import { startTriggerProcess, type TriggerProcess } from "./trigger-process.js";
import { startWorkerProcess, type WorkerProcess, type WorkerProcessOptions } from "./worker-process.js";

/** What `wflo dev` is asked for. */
export interface DevOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly port: number;
  readonly uiPort: number;
  /** @default `temporal.db` in the state folder */
  readonly databaseFile?: string;
  readonly worker: boolean;
  readonly logger?: WorkerProcessOptions["logger"];
  readonly report?: (line: string) => void;
}

/** Server, Web UI, worker and triggers on one machine. */
export interface DevSession {
  /** The settings with the session's own server in them. */
  readonly config: Config;
  readonly server: DevServer;
  readonly worker: WorkerProcess | undefined;
  /** Settles when one of the parts has failed: with the reason. */
  readonly failed: Promise<string>;
  /** Worker first, so that what it has done reaches the server. */
  stop(): Promise<void>;
}

/** @throws WrongSettings, PortTaken, ToolMissing, DefinitionError: nothing is left running then */
export async function startDevSession(options: DevOptions): Promise<DevSession> {
  const own = readConfig(options.environment);
  const server = await startDevServer(
    {
      port: options.port,
      uiPort: options.uiPort,
      databaseFile: options.databaseFile ?? resolve(own.stateFolder, "temporal.db"),
    },
    options.report,
  );
  const config = readConfig({ ...withoutServer(options.environment), TEMPORAL_ADDRESS: server.address });
  try {
    const logger = options.logger ? { logger: options.logger } : {};
    const worker = options.worker ? await startWorkerProcess(config, logger) : undefined;
    const triggers = worker && (await startTriggers(config, worker.logger));
    const failed = Promise.race([
      server.ended.then((words) => `the Temporal server ended: ${words ?? "it was stopped"}`),
      ...(worker ? [worker.ended.then(never, (error: unknown) => `the worker failed: ${String(error)}`)] : []),
    ]);
    return {
      config,
      server,
      worker,
      failed,
      async stop() {
        await triggers?.stop();
        await worker?.stop();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** A broker that is away leaves everything else at work. */
async function startTriggers(config: Config, logger: Logger): Promise<TriggerProcess | undefined> {
  try {
    const triggers = await startTriggerProcess(config, { logger, health: false });
    triggers.ended.catch((error: unknown) => logger.error(`triggers start no runs any more: ${String(error)}`));
    return triggers;
  } catch (error) {
    logger.warn(`triggers start no runs here: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** The environment's server is another one. */
function withoutServer(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = /^TEMPORAL_(ADDRESS|API_KEY|PROFILE|NAMESPACE|TLS.*|CONFIG_FILE)$/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !own.test(name)));
}

async function never(): Promise<never> {
  return await new Promise(() => {});
}

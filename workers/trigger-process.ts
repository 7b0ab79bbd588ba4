import { createPrometheusMeters } from "../adapters/prometheus/meters.js";
import type { TriggerDefinition } from "../agents/trigger.js";
import { connect, type WfloClient } from "../client/index.js";
import { TRIGGER_GROUP } from "../core/trigger.js";
import type { Consumption } from "../ports/inbox.js";
import type { Logger } from "../ports/logger.js";
import { createTriggerAdmission } from "../triggers/admission.js";
import { createTriggerHandler, type TriggerOutcome } from "../triggers/handler.js";
import { startTriggerServer, type TriggerServer } from "../triggers/server.js";
import { openAccess } from "./access.js";
import { loadAgents } from "./agent-module.js";
import type { Config } from "./config.js";
import { PortTaken } from "./dev-server.js";
import { startHealthServer } from "./health-server.js";
import { loggerOf } from "./process-logger.js";
import { metersOf } from "./process-meters.js";
import { openInbox } from "./stores.js";
import { openTracing } from "./tracing.js";

/** A consumer of triggers with everything around it. */
export interface TriggerProcess {
  readonly topics: readonly string[];
  /** Undefined: no port was asked for. */
  readonly url: string | undefined;
  readonly httpPort: number | undefined;
  /** Rejects where it can't go on. */
  readonly ended: Promise<void>;
  /** Takes no more events; what is under way ends. */
  stop(): Promise<void>;
}

export interface TriggerProcessOptions {
  /** Where `POST /triggers/NAME` is served. @default nowhere */
  readonly http?: { readonly port: number; readonly host: string };
  /** @default one of its own */
  readonly logger?: Logger;
  /** `/metrics` and `/healthz` on WFLO_HTTP_PORT. @default true */
  readonly health?: boolean;
}

const OUTCOMES: readonly TriggerOutcome["outcome"][] = ["started", "duplicate", "signaled", "filtered", "refused"];

/** Failed runs are looked for this often, in milliseconds. */
const AGAIN_EVERY_MS = 5_000;

/** @throws ClientError where there is no server, DefinitionError, WrongSettings, PortTaken */
export async function startTriggerProcess(
  config: Config,
  options: TriggerProcessOptions = {},
): Promise<TriggerProcess> {
  const logger = options.logger ?? loggerOf(config);
  const tracing = await openTracing(config, logger);
  const meters = metersOf(logger);
  const { agents, triggers } = await loadAgents(config);
  const client = await connect({ environment: config.environment, taskQueue: config.taskQueue });
  const closers: (() => Promise<void>)[] = [async () => await client.close()];
  if (tracing) closers.push(async () => await tracing.flush());
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const inbox = openInbox(config, (message) => logger.warn(message));
    closers.push(async () => await inbox.close());
    const admission = createTriggerAdmission(client, triggers, logger);
    await admission.open();
    const traced = tracing ? { tracer: tracing.tracer } : {};
    const names = new Set(agents.map(({ name }) => name));
    const handler = createTriggerHandler({ triggers, agents: names, client, admission, inbox, meters, ...traced });
    // A series that begins with its first event says nothing of it: an increase needs something before.
    for (const { name } of triggers) {
      for (const outcome of OUTCOMES) meters.count("wflo_triggers_total", { trigger: name, outcome }, 0);
    }
    const topics = topicsOf(triggers);
    let consumption: Consumption | undefined;
    const health = options.health === false ? undefined : healthPort(config);
    const healthServer =
      health === undefined
        ? undefined
        : await startHealthServer(health, {
            metrics: meters.render,
            coreMetricsUrl: undefined,
            access: openAccess(config),
            unready: () => (consumption ? [] : ["starting"]),
          });
    if (healthServer) {
      closers.push(async () => await healthServer.close());
      logger.info(`metrics and health on http://localhost:${healthServer.port}/metrics`);
    }
    const server = await openServer(config, options, { triggers, handler, logger });
    if (server) closers.push(async () => await server.close());
    const again = setInterval(() => {
      admission
        .startAgain()
        .catch((error: unknown) => logger.warn(`failed runs could not be started again: ${String(error)}`));
    }, AGAIN_EVERY_MS);
    closers.push(async () => clearInterval(again));
    consumption = await inbox.consume({
      group: TRIGGER_GROUP,
      topics,
      handle: handler.handle,
      onProblem: (message) => logger.warn(message),
      onLag: (topic, partition, lag) => meters.set("wflo_trigger_lag", { topic, partition: String(partition) }, lag),
    });
    const { ended } = consumption;
    closers.push(consumption.stop);
    logger.info(
      `triggers ${triggers.map(({ name }) => name).join(", ")} on ${topics.join(", ")}${config.kafka ? "" : ` (files in ${config.stateFolder})`}`,
    );
    return { topics, url: server?.url, httpPort: healthServer?.port, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Acts on one event, without a topic. @throws what keeps it from that now */
export async function submitOnce(
  { config, client, logger }: { readonly config: Config; readonly client: WfloClient; readonly logger: Logger },
  name: string,
  event: unknown,
) {
  const { agents, triggers } = await loadAgents(config);
  const trigger = triggers.find((one) => one.name === name);
  if (!trigger) return { missing: triggers.map((one) => one.name) };
  const admission = createTriggerAdmission(client, [trigger], logger);
  await admission.open();
  const parts = { triggers, agents: new Set(agents.map((agent) => agent.name)), client, admission };
  const unused = { send: async () => {} };
  const handler = createTriggerHandler({ ...parts, inbox: unused, meters: createPrometheusMeters() });
  return await handler.submit(trigger, event, { headers: {} });
}

/** A worker on the same machine has the port that is the default. */
function healthPort({ environment, httpPort }: Config): number | undefined {
  const isSet = (environment.WFLO_HTTP_PORT ?? "").trim() !== "";
  if (!isSet) return 0;
  return httpPort === "off" ? undefined : httpPort;
}

function topicsOf(triggers: readonly TriggerDefinition[]): readonly string[] {
  return [...new Set(triggers.flatMap(({ topic }) => (topic === undefined ? [] : [topic])))];
}

async function openServer(
  config: Config,
  { http }: TriggerProcessOptions,
  parts: Pick<Parameters<typeof startTriggerServer>[0], "triggers" | "handler" | "logger">,
): Promise<TriggerServer | undefined> {
  if (!http) return undefined;
  const starting = startTriggerServer({
    ...parts,
    ...http,
    secrets: config.triggerSecrets,
    access: openAccess(config),
  });
  const server = await starting.catch((error: Error) => {
    throw new PortTaken(`--port: port ${http.port} of ${http.host} cannot be used: ${error.message}`);
  });
  parts.logger.info(`triggers on ${server.url}/triggers/NAME`);
  return server;
}

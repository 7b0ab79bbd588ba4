import { createActivities } from "../activities/index.js";
import type { PrometheusMeters } from "../adapters/prometheus/meters.js";
import type { PassCheckpoint } from "../ports/checkpoints.js";
import type { Logger } from "../ports/logger.js";
import { openAccess } from "./access.js";
import { type Queue, type RunningWorkers, startWorkers } from "./agent-worker.js";
import { openWitness, settingsFacts } from "./audit-witness.js";
import { type Composition, compose } from "./compose.js";
import { type Config, WrongSettings } from "./config.js";
import { connectWorker, serverPlace } from "./connection.js";
import { checkEncryptionKeys } from "./encryption-marks.js";
import { type HealthServer, type HealthSources, startHealthServer } from "./health-server.js";
import { loggerOf } from "./process-logger.js";
import { metersOf } from "./process-meters.js";
import { installRuntime } from "./runtime.js";
import { ensureSearchAttributes } from "./search-attributes.js";
import { secretProblems } from "./secrets.js";
import { createStanding } from "./standing.js";
import { packageVersion } from "./tool-finder.js";
import { openTracing } from "./tracing.js";

/** A worker with everything around it. */
export interface WorkerProcess {
  readonly composition: Composition;
  readonly logger: Logger;
  /** Undefined: WFLO_HTTP_PORT is off. */
  readonly httpPort: number | undefined;
  /** Rejects when the worker fails for good. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

export interface WorkerProcessOptions {
  readonly queues?: readonly Queue[];
  readonly logger?: Logger;
  /** Tests die at these. */
  readonly checkpoint?: PassCheckpoint;
  /** @default the bundle of this package's build */
  readonly workflowBundlePath?: string;
}

/**
 * Starts what the settings say: ports, health server, workers, in this order, so that what is wrong is told before work is
 * taken.
 * @throws ServerUnreachable, WrongSettings, DefinitionError, PortTaken
 */
export async function startWorkerProcess(config: Config, options: WorkerProcessOptions = {}): Promise<WorkerProcess> {
  const logger = options.logger ?? loggerOf(config);
  const queues = options.queues ?? ["agents", "sandbox"];
  const { coreMetricsUrl } = await installRuntime(logger, { metrics: config.httpPort !== "off" });
  const { address, namespace } = serverPlace(config.environment);
  const connection = await connectWorker(config.environment);
  const tracing = await openTracing(config, logger);
  const meters = metersOf(logger);
  const closers: (() => Promise<void>)[] = [async () => await connection.close()];
  if (tracing) closers.push(async () => await tracing.flush());
  const closeAll = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const searchAttributes = await ensureSearchAttributes(connection, namespace, logger);
    const composition = await compose(config, { logger, meters, searchAttributes });
    closers.push(async () => await composition.close());
    knowNames(meters, composition);
    await checkSecrets(config, composition, { queues, logger });
    const newKey = await checkEncryptionKeys(composition.stores.stored, config.keyRing);
    const witness = openWitness(config, composition.stores.eventLog);
    let workers: RunningWorkers | undefined;
    const unready = () => workers?.unready() ?? ["starting"];
    const standing = createStanding({ connection, namespace, taskQueue: config.taskQueue, meters, searchAttributes });
    const metrics: HealthSources["metrics"] = async (format, others) => {
      await standing.look();
      return await meters.render(format, others);
    };
    const health = await openHealth(config, { metrics, coreMetricsUrl, access: openAccess(config), unready });
    if (health) closers.push(async () => await health.close());
    const witnessed = { ...composition.ports, eventLog: witness };
    const traced = tracing ? { tracer: tracing.tracer } : {};
    const ports = { ...witnessed, ...traced, ...(options.checkpoint ? { checkpoint: options.checkpoint } : {}) };
    const activities = createActivities(ports, composition.tools);
    const { workflowBundlePath } = options;
    const bundle = workflowBundlePath === undefined ? {} : { workflowBundlePath };
    const { taskQueue } = config;
    const stackTraces = config.logLevel === "debug" || config.logLevel === "trace";
    const polled = queues.map((queue) => (queue === "agents" ? config.taskQueue : `${config.taskQueue}-sandbox`));
    const facts = { agents: [...composition.offer.agents.keys()], blobs: composition.stores.objects.description };
    const noted = witness.note("worker.started", {
      ...{ version: packageVersion(), address, namespace, queues: polled, ...facts },
      sandbox: { backend: composition.sandbox.backend, why: composition.sandbox.why ?? "" },
      settings: settingsFacts(config.environment),
    });
    const changed = newKey && witness.note("encryption.key.changed", { key: newKey.id, before: newKey.before });
    // A log that is away takes them with what comes next, and holds no worker up.
    await Promise.race([Promise.all([noted, changed]), moments()]);
    workers = await startWorkers({
      connection,
      namespace,
      taskQueue,
      queues,
      activities,
      meters,
      tracing,
      stackTraces,
      sandboxConcurrency: config.sandboxConcurrency,
      keyRing: config.keyRing,
      ...bundle,
    });
    closers.push(async () => await Promise.race([witness.note("worker.stopped", {}), moments()]));
    closers.push(workers.stop);
    logger.info(`worker for ${polled.join(" and ")} on ${address}, namespace ${namespace}`, facts);
    if (health) logger.info(`metrics and health on http://localhost:${health.port}/metrics`);
    return { composition, logger, httpPort: health?.port, ended: workers.ended, stop: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** Whoever starts runs of agents that there are not fills no label before those that there are. */
function knowNames(meters: PrometheusMeters, { offer }: Composition): void {
  meters.know("agent", offer.agents.keys(), { areAll: true });
  meters.know("tool", offer.tools.keys());
  meters.know(
    "model",
    [...offer.agents.values()].flatMap(({ models }) => models),
  );
}

/** So long a log is waited for at the start and the end of a process, in milliseconds. */
const LOG_PATIENCE_MS = 1_000;

async function moments(): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, LOG_PATIENCE_MS).unref());
}

/** @throws WrongSettings for a secret that a tool needs and that is not there */
async function checkSecrets(
  { secrets }: Config,
  { offer }: Composition,
  { queues, logger }: { readonly queues: readonly Queue[]; readonly logger: Logger },
): Promise<void> {
  const tools = [...offer.tools.values()].filter(({ spec }) =>
    queues.includes(spec.kind === "sandbox" ? "sandbox" : "agents"),
  );
  const { missing, short } = await secretProblems(secrets, tools);
  if (missing.length > 0) throw new WrongSettings(missing);
  for (const one of short)
    logger.warn(`the secret ${one} is so short that it is not taken out of what the tool answers`);
}

async function openHealth(
  { httpPort }: Config,
  sources: Parameters<typeof startHealthServer>[1],
): Promise<HealthServer | undefined> {
  return httpPort === "off" ? undefined : await startHealthServer(httpPort, sources);
}

import { randomUUID } from "node:crypto";
import type { NativeConnection } from "@temporalio/worker";
import type { KafkaSettings } from "../adapters/kafka/connection.js";
import { countBrokers, retentionOf } from "../adapters/kafka/probe.js";
import { providersOf } from "../adapters/models/provider-table.js";
import { connectRedis } from "../adapters/redis/connection.js";
import { offerOf } from "../agents/module.js";
import type { Logger } from "../ports/logger.js";
import { loadAgents } from "./agent-module.js";
import type { Config } from "./config.js";
import { connectWorker, serverPlace } from "./connection.js";
import { type Check, clockCheck, exporterCheck, keysCheck, pricesCheck } from "./doctor-checks.js";
import { openSandbox } from "./sandbox.js";
import { ensureSearchAttributes, missingSearchAttributes } from "./search-attributes.js";
import { openStores } from "./stores.js";
import { findTemporalCli } from "./tool-finder.js";

const PROJECT_NODE = 24;
const HOUR_MS = 3_600_000;

/** Retention below this is short for the dedupe of triggers and for `wflo replay`. */
const SHORT_RETENTION_HOURS = 24;

/**
 * Looks at everything that a run needs here, and repairs what may be repaired where `fix` says so. Never throws: what can't
 * be looked at is a check that is not ok.
 */
export async function diagnose(config: Config, logger: Logger, options: { readonly fix: boolean }): Promise<Check[]> {
  const checks: Check[] = [nodeCheck()];
  checks.push(await attempt("agents", async () => await agentsCheck(config)));
  checks.push(providersCheck(config));
  checks.push(await attempt("prices", async () => await pricesCheck(config)));
  checks.push(await attempt("blobs", async () => await blobsCheck(config)));
  checks.push(await attempt("keys", async () => await keysCheck(config)));
  const { redisUrl } = config;
  const { kafka } = config;
  if (kafka !== undefined) checks.push(await attempt("kafka", async () => await kafkaCheck(kafka)));
  if (redisUrl !== undefined) checks.push(await attempt("redis", async () => await redisCheck(redisUrl)));
  checks.push(await attempt("traces", async () => await exporterCheck(config)));
  checks.push(await attempt("temporal-cli", async () => await cliCheck(config)));
  checks.push(...(await sandboxChecks(config, logger)));
  checks.push(...(await serverChecks(config, logger, options)));
  return checks;
}

async function attempt(name: string, look: () => Promise<Check>): Promise<Check> {
  try {
    return await look();
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

function nodeCheck(): Check {
  const version = process.versions.node;
  const ok = Number(version.split(".")[0]) >= PROJECT_NODE;
  return { name: "node", ok, detail: `Node ${version}`, ...(ok ? {} : { fix: "run `npm ci`: it brings Node 24" }) };
}

async function agentsCheck(config: Config): Promise<Check> {
  const { agents, scriptsFolder } = await loadAgents(config);
  const { tools } = offerOf(agents);
  const names = agents.map(({ name }) => name).join(", ");
  return { name: "agents", ok: true, detail: `${names}; ${tools.size} tools; scripts in ${scriptsFolder}` };
}

/** Scripted models need no key, so a worker without any is not broken. */
function providersCheck({ environment }: Config): Check {
  const providers = providersOf(environment);
  const ready = providers.filter(({ problem }) => problem === undefined).map(({ name }) => name);
  const rest = providers.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  const detail =
    ready.length > 0 ? `${ready.join(", ")} and scripted models` : `only scripted models: ${rest.join("; ")}`;
  return { name: "models", ok: true, detail };
}

async function blobsCheck(config: Config): Promise<Check> {
  const stores = openStores(config);
  const key = `doctor/${randomUUID()}`;
  try {
    const written = await stores.objects.putIfAbsent(key, Buffer.from(key));
    const read = await stores.objects.get(key);
    await stores.objects.delete(key);
    const ok = written && Buffer.from(read ?? []).toString() === key;
    return {
      name: "blobs",
      ok,
      detail: `${stores.objects.description} ${ok ? "writes and reads" : "lost what was written"}`,
    };
  } finally {
    await stores.close();
  }
}

async function redisCheck(url: string): Promise<Check> {
  const problems: string[] = [];
  const connection = connectRedis({ url, onProblem: (message) => problems.push(message) });
  try {
    const said = await connection.attempt(async (redis) => await redis.info("server"));
    const version = /redis_version:(\S+)/.exec(said ?? "")?.[1];
    const ok = version !== undefined;
    const detail = ok ? `Redis ${version} answers` : (problems[0] ?? "Redis does not answer");
    return { name: "redis", ok, detail, ...(ok ? {} : { fix: "start it, or unset REDIS_URL" }) };
  } finally {
    await connection.close();
  }
}

async function kafkaCheck(kafka: KafkaSettings): Promise<Check> {
  const where = kafka.brokers.join(", ");
  try {
    const count = await countBrokers(kafka);
    return {
      name: "kafka",
      ok: true,
      detail: `${where}: ${count} ${count === 1 ? "broker answers" : "brokers answer"}`,
    };
  } catch (error) {
    const fix = "start it, see KAFKA_SSL and KAFKA_SASL_…, or unset KAFKA_BROKERS";
    return { name: "kafka", ok: false, detail: `${where}: ${(error as Error).message}`, fix };
  }
}

async function cliCheck(config: Config): Promise<Check> {
  const { path, source } = await findTemporalCli({ environment: config.environment });
  return { name: "temporal-cli", ok: true, detail: `${path} (${source})` };
}

async function sandboxChecks(config: Config, logger: Logger): Promise<Check[]> {
  try {
    const checks = await (await openSandbox(config, logger)).check();
    return checks.map((check) => ({ ...check, name: `sandbox: ${check.name}` }));
  } catch (error) {
    return [{ name: "sandbox", ok: false, detail: error instanceof Error ? error.message : String(error) }];
  }
}

async function serverChecks(config: Config, logger: Logger, options: { readonly fix: boolean }): Promise<Check[]> {
  const { address, namespace } = serverPlace(config.environment);
  let connection: NativeConnection;
  try {
    connection = await connectWorker(config.environment);
  } catch (error) {
    return [{ name: "server", ok: false, detail: (error as Error).message, fix: "start one with `wflo dev`" }];
  }
  try {
    return [
      { name: "server", ok: true, detail: `Temporal answers at ${address}` },
      await attempt("namespace", async () => await namespaceCheck(connection, namespace)),
      ...(config.kafka
        ? [await attempt("triggers", async () => await triggersCheck(connection, namespace, config))]
        : []),
      await attempt("search-attributes", async () => await attributesCheck(connection, namespace, logger, options)),
      await attempt("clock", async () => await clockCheck(connection, namespace)),
      await attempt("worker", async () => await pollersCheck(connection, namespace, config.taskQueue)),
    ];
  } finally {
    await connection.close();
  }
}

/** An event that comes again after the namespace has forgotten its run starts another one. */
async function triggersCheck(connection: NativeConnection, namespace: string, config: Config): Promise<Check> {
  const { triggers } = await loadAgents(config);
  const topics = [...new Set(triggers.flatMap(({ topic }) => topic ?? []))];
  const kept = config.kafka ? await retentionOf(config.kafka, topics) : new Map<string, number>();
  const hours = await retentionHours(connection, namespace);
  const longer = [...kept].filter(([, ms]) => ms > hours * HOUR_MS);
  if (longer.length === 0) {
    return {
      name: "triggers",
      ok: true,
      detail: `${topics.join(", ")}: a message is gone before its run is forgotten`,
    };
  }
  const words = longer.map(([topic, ms]) => `${topic} (${Number.isFinite(ms) ? `${ms / HOUR_MS} hours` : "for ever"})`);
  const detail = `${namespace} keeps closed runs for ${hours} hours, and topics keep messages longer: ${words.join(", ")}; one that comes again after that starts another run`;
  const fix =
    "keep closed runs longer (`temporal operator namespace update --retention`), or set the topics' retention.ms lower";
  return { name: "triggers", ok: false, detail, fix };
}

async function retentionHours(connection: NativeConnection, namespace: string): Promise<number> {
  const { config } = await connection.workflowService.describeNamespace({ namespace });
  return Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 3_600;
}

async function namespaceCheck(connection: NativeConnection, namespace: string): Promise<Check> {
  const hours = await retentionHours(connection, namespace);
  const detail = `${namespace} keeps closed runs for ${hours} hours`;
  if (hours >= SHORT_RETENTION_HOURS) return { name: "namespace", ok: true, detail };
  return {
    name: "namespace",
    ok: false,
    detail,
    fix: "lengthen the namespace's retention: `temporal operator namespace update`",
  };
}

async function attributesCheck(
  connection: NativeConnection,
  namespace: string,
  logger: Logger,
  options: { readonly fix: boolean },
): Promise<Check> {
  const name = "search-attributes";
  if (options.fix) await ensureSearchAttributes(connection, namespace, logger);
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length === 0) return { name, ok: true, detail: "all are registered" };
  return { name, ok: false, detail: `${missing.join(", ")} are missing`, fix: "`wflo doctor --fix` registers them" };
}

async function pollersCheck(connection: NativeConnection, namespace: string, taskQueue: string): Promise<Check> {
  const queues = [taskQueue, `${taskQueue}-sandbox`];
  const polled = await Promise.all(
    queues.map(async (name) => {
      const answer = await connection.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name },
        taskQueueType: name === taskQueue ? 1 : 2,
      });
      return (answer.pollers ?? []).length > 0;
    }),
  );
  const idle = queues.filter((_, index) => !polled[index]);
  if (idle.length === 0) return { name: "worker", ok: true, detail: `workers poll ${queues.join(" and ")}` };
  return {
    name: "worker",
    ok: false,
    detail: `nobody polls ${idle.join(" and ")}`,
    fix: "start one with `wflo worker`",
  };
}

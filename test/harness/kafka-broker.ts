import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Kafka, logLevel } from "kafkajs";
import { quietQueues } from "../../adapters/kafka/quiet-queues.js";
import { freePort } from "../../workers/free-port.js";
import { eventually } from "./eventually.js";
import { type StartedProcess, startProcess } from "./processes.js";

const run = promisify(execFile);

/** A broker of a test's own, which is its own controller (KRaft). */
export interface KafkaBroker {
  /** `host:port`. */
  readonly address: string;
  /** Where its log is. */
  readonly folder: string;
  /** Ends it; what it has stays. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again, on the same port and with what it had. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A broker starts in a few seconds, where others use the processors too in more. */
const START_MS = 45_000;
const JAVA = ["-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/** @param libs folder of the broker's jars @param of partitions of a topic that is made without a number; port, else a free one */
export async function startKafkaBroker(
  libs: string,
  of: { partitions?: number; port?: number } = {},
): Promise<KafkaBroker> {
  quietQueues();
  const { partitions = 1 } = of;
  const folder = await mkdtemp(join(tmpdir(), "wflo-kafka-"));
  const [port, controller] = [of.port ?? (await freePort()), await freePort()];
  const properties = join(folder, "server.properties");
  await writeFile(properties, settings({ folder, port, controller, partitions }));
  const classPath = ["-cp", `${libs}/*`];
  // Kafka's own ids begin with no dash either: it would be taken for an option.
  const id = Buffer.concat([Buffer.of(0), randomBytes(15)]).toString("base64url");
  await run("java", [...JAVA, ...classPath, "kafka.tools.StorageTool", "format", "-t", id, "-c", properties]);
  const start = async () => {
    const args = [...JAVA, ...classPath, "kafka.Kafka", properties];
    const started = await startProcess({ command: "java", args, env: { PATH: process.env.PATH } });
    // Without a configuration of its logger it says nothing.
    await eventually(async () => await answers(`127.0.0.1:${port}`), { withinMs: START_MS });
    return started;
  };
  let broker: StartedProcess = await start();
  return {
    address: `127.0.0.1:${port}`,
    folder,
    kill: async (signal = "SIGKILL") => await broker.stop(signal),
    async restart() {
      broker = await start();
    },
    async stop() {
      await broker.stop("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Throws where nobody answers in Kafka's own words. */
async function answers(broker: string): Promise<void> {
  const admin = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin();
  try {
    await admin.connect();
    await admin.fetchTopicMetadata();
  } finally {
    await admin.disconnect();
  }
}

function settings(of: {
  readonly folder: string;
  readonly port: number;
  readonly controller: number;
  readonly partitions: number;
}): string {
  return Object.entries({
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${of.controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${of.port},CONTROLLER://127.0.0.1:${of.controller}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${of.port}`,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "log.dirs": join(of.folder, "log"),
    "num.partitions": of.partitions,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": false,
    "message.max.bytes": 4 * 1024 * 1024,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

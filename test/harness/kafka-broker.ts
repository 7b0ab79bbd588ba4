import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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

/** Who may log in to a broker, by TLS. */
export interface SecureBroker {
  readonly username: string;
  readonly password: string;
  /** PEM files: the broker's key with its certificate, which is its own authority. */
  readonly keyFile: string;
  readonly certificateFile: string;
}

export interface KafkaBrokerOptions {
  /** Of a topic that is made without a number. @default 1 */
  readonly partitions?: number;
  /** @default a free one */
  readonly port?: number;
  /** @default whoever asks, in clear */
  readonly secure?: SecureBroker;
}

/** @param libs folder of the broker's jars */
export async function startKafkaBroker(libs: string, of: KafkaBrokerOptions = {}): Promise<KafkaBroker> {
  quietQueues();
  const { partitions = 1 } = of;
  const folder = await mkdtemp(join(tmpdir(), "wflo-kafka-"));
  const [port, controller] = [of.port ?? (await freePort()), await freePort()];
  const properties = join(folder, "server.properties");
  await writeFile(properties, settings({ folder, port, controller, partitions, secure: of.secure }));
  const classPath = ["-cp", `${libs}/*`];
  // Kafka's own ids begin with no dash either: it would be taken for an option.
  const id = Buffer.concat([Buffer.of(0), randomBytes(15)]).toString("base64url");
  const format = ["kafka.tools.StorageTool", "format", "-t", id, "-c", properties, ...scramUsers(of.secure)];
  await run("java", [...JAVA, ...classPath, ...format]);
  const start = async () => {
    const args = [...JAVA, ...classPath, "kafka.Kafka", properties];
    const started = await startProcess({ command: "java", args, env: { PATH: process.env.PATH } });
    // Without a configuration of its logger it says nothing.
    await eventually(async () => await answers(`127.0.0.1:${port}`, of.secure), { withinMs: START_MS });
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
async function answers(broker: string, secure: SecureBroker | undefined): Promise<void> {
  const login = secure && {
    ssl: { ca: [await readFile(secure.certificateFile, "utf8")] },
    sasl: { mechanism: "plain", username: secure.username, password: secure.password } as const,
  };
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, retry: { retries: 0 }, ...login });
  const admin = kafka.admin();
  try {
    await admin.connect();
    await admin.fetchTopicMetadata();
  } finally {
    await admin.disconnect();
  }
}

const SCRAM = ["SCRAM-SHA-256", "SCRAM-SHA-512"];

function scramUsers(secure: SecureBroker | undefined): string[] {
  if (!secure) return [];
  const user = `name=${secure.username},password=${secure.password}`;
  return SCRAM.flatMap((mechanism) => ["--add-scram", `${mechanism}=[${user}]`]);
}

/** A listener with TLS and passwords, in place of the plain one. */
function secureSettings({ username, password, keyFile, certificateFile }: SecureBroker): Record<string, string> {
  const plain = "org.apache.kafka.common.security.plain.PlainLoginModule";
  const scram = "org.apache.kafka.common.security.scram.ScramLoginModule";
  const login = `required username="${username}" password="${password}"`;
  return {
    "inter.broker.listener.name": "SASL_SSL",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "sasl.enabled.mechanisms": ["PLAIN", ...SCRAM].join(","),
    "listener.name.sasl_ssl.plain.sasl.jaas.config": `${plain} ${login} user_${username}="${password}";`,
    ...Object.fromEntries(
      SCRAM.map((name) => [`listener.name.sasl_ssl.${name.toLowerCase()}.sasl.jaas.config`, `${scram} ${login};`]),
    ),
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": keyFile,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": certificateFile,
  };
}

function settings(of: {
  readonly folder: string;
  readonly port: number;
  readonly controller: number;
  readonly partitions: number;
  readonly secure: SecureBroker | undefined;
}): string {
  const protocol = of.secure ? "SASL_SSL" : "PLAINTEXT";
  return Object.entries({
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${of.controller}`,
    listeners: `${protocol}://127.0.0.1:${of.port},CONTROLLER://127.0.0.1:${of.controller}`,
    "advertised.listeners": `${protocol}://127.0.0.1:${of.port}`,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": `CONTROLLER:PLAINTEXT,${protocol}:${protocol}`,
    "log.dirs": join(of.folder, "log"),
    "num.partitions": of.partitions,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": false,
    "message.max.bytes": 4 * 1024 * 1024,
    ...(of.secure ? secureSettings(of.secure) : {}),
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

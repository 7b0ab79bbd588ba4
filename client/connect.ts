import { connect as connectSocket } from "node:net";
import { Client, Connection, type ConnectionOptions } from "@temporalio/client";
import type { DataConverter } from "@temporalio/common";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import { clientConverter } from "../encryption/data-converter.js";
import { keyRingOf } from "../encryption/key-ring.js";
import type { KeyRing } from "../ports/key-ring.js";
import type { BlobReader } from "./blob-reader.js";
import { createClient, type WfloClient } from "./client.js";
import { ClientError } from "./client-error.js";
import { createTemporal } from "./temporal.js";
import { unreachable } from "./temporal-errors.js";
import { tracesOf } from "./traces.js";
import { defaultUiUrl } from "./web-url.js";

/** Where the server is, and what is read from where. An option goes before its variable, the variable before the default. */
export interface ConnectOptions {
  /** `host:port`. @default TEMPORAL_ADDRESS, or `localhost:7233` */
  readonly address?: string;
  /** @default TEMPORAL_NAMESPACE, or `default` */
  readonly namespace?: string;
  /** Where runs are started. @default WFLO_TASK_QUEUE, or `wflo` */
  readonly taskQueue?: string;
  /** The variables to read, also TEMPORAL_API_KEY, TEMPORAL_TLS…, TEMPORAL_PROFILE. @default process.env */
  readonly environment?: NodeJS.ProcessEnv;
  /** A connected Temporal client to use instead of an own connection; it stays open when this one is closed. */
  readonly temporal?: Client;
  /** Reads transcripts and files; without one these methods say that it is missing. */
  readonly blobs?: BlobReader;
  /** The Temporal Web UI, or who knows it. @default `http://localhost:8233`, or Temporal Cloud's where the server is there */
  readonly uiUrl?: string | ((address: string) => Promise<string | undefined>);
  /** For the connection to be there, in milliseconds. @default 10_000 */
  readonly connectTimeoutMs?: number;
  /** For one call (not for waiting: `result`, `watch`), in milliseconds. @default 10_000 */
  readonly timeoutMs?: number;
  /** @default the keys of WFLO_ENCRYPTION_KEYS or WFLO_KEY_RING; without them nothing is encrypted */
  readonly keyRing?: KeyRing;
  /** The workers' own, where they have one, in place of encryption with a key ring. */
  readonly dataConverter?: DataConverter;
}

const DEFAULT_ADDRESS = "localhost:7233";
const DEFAULT_TASK_QUEUE = "wflo";
const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Connects to a Temporal server.
 * @throws ClientError `unreachable`; `configuration` for a wrong TEMPORAL_… variable
 * @example
 * const client = await connect();
 * const run = await client.run({ agent: "assistant", input: "What is 6 × 7?", budget: { limitUsd: "0.10" } });
 * for await (const change of run.watch()) console.log(change.kind);
 * console.log((await run.result()).output);
 * await client.close();
 */
export async function connect(options: ConnectOptions = {}): Promise<WfloClient> {
  const { environment = process.env, blobs, timeoutMs = DEFAULT_TIMEOUT_MS, uiUrl } = options;
  const { client, address, close } = await openConnection(options, environment);
  const parts = {
    client,
    address,
    taskQueue: options.taskQueue ?? (environment.WFLO_TASK_QUEUE || DEFAULT_TASK_QUEUE),
    uiUrl: (typeof uiUrl === "function" ? await uiUrl(address) : uiUrl) ?? defaultUiUrl(address),
    blobs,
    timeoutMs,
  };
  return createClient(createTemporal(parts), close);
}

async function openConnection(options: ConnectOptions, environment: NodeJS.ProcessEnv) {
  const { temporal } = options;
  if (temporal) {
    const address = options.address ?? addressOf(temporal);
    return { client: temporal, address, close: async () => undefined };
  }
  const place = readPlace(options, environment);
  await refuseDeadLoopback(place.address);
  const connectTimeout = options.connectTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  // Not `Connection.connect`: where it fails, its channel goes on trying and keeps the process alive.
  const connection = Connection.lazy({ ...place.connection, address: place.address, connectTimeout });
  try {
    await connection.ensureConnected();
  } catch (error) {
    await connection.close();
    throw unreachable(error, place.address);
  }
  const client = new Client({
    connection,
    namespace: place.namespace,
    ...converterOf(options, environment),
    ...(await tracesOf()),
  });
  return { client, address: place.address, close: async () => await connection.close() };
}

function converterOf({ dataConverter, keyRing }: ConnectOptions, environment: NodeJS.ProcessEnv) {
  if (dataConverter) return { dataConverter };
  try {
    const ring = keyRing ?? keyRingOf(environment, process.cwd());
    return ring ? { dataConverter: clientConverter(ring) } : {};
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ClientError("configuration", message, "Give every process the same keys.", { cause: error });
  }
}

function readPlace(options: ConnectOptions, environment: NodeJS.ProcessEnv) {
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: textsOf(environment) });
    return {
      address: options.address ?? connectionOptions.address ?? DEFAULT_ADDRESS,
      namespace: options.namespace ?? namespace ?? "default",
      connection: given(connectionOptions) as ConnectionOptions,
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const set = Object.keys(environment).filter((name) => name.startsWith("TEMPORAL_") && environment[name]);
    const advice = `Look at the variables ${set.join(", ") || "TEMPORAL_…"}, and at the profiles in Temporal's configuration file.`;
    throw new ClientError("configuration", `the settings of the Temporal client can't be used: ${why}`, advice, {
      cause: error,
    });
  }
}

/** A server on this machine that is not there is told of at once, not when gRPC has given up. */
async function refuseDeadLoopback(address: string): Promise<void> {
  const match = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]):(\d{1,5})$/.exec(address);
  if (!match) return;
  const [, host = "", port] = match;
  await new Promise<void>((resolve, reject) => {
    const socket = connectSocket({ host: host.replace(/[[\]]/g, ""), port: Number(port) });
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") reject(unreachable(new Error("connection refused"), address));
      else resolve();
    });
  });
}

function addressOf({ connection }: Client): string {
  return connection instanceof Connection ? connection.options.address : "the given connection";
}

function textsOf(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => !!entry[1]));
}

function given(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

import { isAbsolute, resolve } from "node:path";
import type { Secrets } from "../activities/tool-secrets.js";
import type { OidcOptions } from "../adapters/access/oidc.js";
import type { KafkaSettings } from "../adapters/kafka/connection.js";
import type { RateLimits } from "../adapters/models/rate-limits.js";
import { DEFAULT_SANDBOX_LIMITS, type SandboxLimits } from "../core/sandbox-limits.js";
import { keyRingOf } from "../encryption/key-ring.js";
import type { KeyRing } from "../ports/key-ring.js";
import { secretsOf } from "./secrets.js";
import { type LOG_LEVELS, readVariable, type VARIABLES } from "./variables.js";

/** Where blobs are. */
export type BlobPlace =
  | { readonly kind: "file"; readonly folder: string }
  | { readonly kind: "s3"; readonly bucket: string; readonly prefix: string };

/** A process's settings: every default filled in, frozen. */
export interface Config {
  readonly environment: NodeJS.ProcessEnv;
  readonly blobs: BlobPlace;
  /** Of agents; sandboxed code is on `NAME-sandbox`. */
  readonly taskQueue: string;
  readonly sandbox: "auto" | "gvisor" | "bubblewrap" | "wasm" | "none";
  /** The most that an execution may have, whatever an agent asks for. */
  readonly sandboxCeiling: SandboxLimits;
  /** Undefined: as many as there are processors. */
  readonly sandboxConcurrency: number | undefined;
  readonly sandboxStandby: number;
  /** By the trigger's name. */
  readonly triggerSecrets: ReadonlyMap<string, readonly string[]>;
  /** 0: a free one. */
  readonly httpPort: number | "off";
  /** Undefined: the built-in agents. */
  readonly agentsModule: string | undefined;
  readonly priceFile: string | undefined;
  /** The default one need not be there. */
  readonly catalogueFile: { readonly path: string; readonly isDefault: boolean };
  readonly unpriced: "refuse" | "allow";
  /** Undefined: `scripts/models` beside the agents. */
  readonly scriptsFolder: string | undefined;
  readonly recordFolder: string | undefined;
  /** A run that has cost so much is traced whatever share of the traces is. */
  readonly traceKeepNanoUsd: number;
  /** With `{traceId}` in it; undefined: nobody said where traces are to be seen. */
  readonly traceUrl: string | undefined;
  /** What people, models and tools say may be in log lines. */
  readonly logContent: boolean;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly topics: { readonly events: string; readonly audit: string };
  /** For what a process keeps on this machine: event files, token streams. */
  readonly stateFolder: string;
  /** `scripted//absolute/path` may be named. */
  readonly allowScriptPaths: boolean;
  /** Undefined: cache, limits and locks are each process's own, token streams each machine's. */
  readonly redisUrl: string | undefined;
  /** Undefined: nothing is encrypted. */
  readonly keyRing: KeyRing | undefined;
  /** Who may use our HTTP surfaces; undefined: whoever reaches them. */
  readonly access: AccessSettings | undefined;
  /** A JWK set of those who sign decisions; undefined: no signature counts. */
  readonly approverKeysFile: string | undefined;
  /** Signs the decisions of whoever uses the command line. */
  readonly approverKeyFile: string | undefined;
  /** Where tools' secrets are looked for. */
  readonly secrets: Secrets;
  /** Undefined: what this process puts on the audit log is not signed. */
  readonly auditKeyFile: string | undefined;
  /** Of keys whose signatures count. */
  readonly auditPublicKeyFiles: readonly string[];
  /** By provider. */
  readonly rateLimits: ReadonlyMap<string, RateLimits>;
  /** Undefined: events and audit records are files on this machine. */
  readonly kafka: KafkaSettings | undefined;
}

/** How callers of HTTP surfaces are told apart. */
export interface AccessSettings {
  readonly tokenFile: string | undefined;
  readonly oidc: OidcOptions | undefined;
}

/** Settings that are wrong: a line each, naming the variable, what was wrong and what is accepted. */
export class WrongSettings extends Error {
  override readonly name = "WrongSettings";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/**
 * Reads the environment once; an empty variable counts as unset.
 * @param folder that relative paths start from
 * @throws WrongSettings with every problem at once
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env, folder: string = process.cwd()): Config {
  const problems: string[] = [];
  const value = <K extends keyof typeof VARIABLES>(name: K) => readVariable(name, environment, problems);
  const path = (text: string | undefined) => (text === undefined || isAbsolute(text) ? text : resolve(folder, text));
  const blobs = value("WFLO_BLOBS");
  const stateFolder = resolve(folder, value("WFLO_STATE"));
  const catalogue = path(value("WFLO_PRICE_CATALOGUE"));
  const secretModule = path(value("WFLO_SECRETS"));
  const config: Omit<Config, "keyRing" | "secrets"> = {
    environment,
    blobs: blobs.kind === "file" ? { kind: "file", folder: resolve(folder, blobs.folder) } : blobs,
    taskQueue: value("WFLO_TASK_QUEUE"),
    sandbox: value("WFLO_SANDBOX"),
    triggerSecrets: value("WFLO_TRIGGER_SECRETS"),
    sandboxConcurrency: value("WFLO_SANDBOX_CONCURRENCY"),
    sandboxStandby: value("WFLO_SANDBOX_STANDBY"),
    sandboxCeiling: { ...DEFAULT_SANDBOX_LIMITS, ...value("WFLO_SANDBOX_LIMITS") },
    httpPort: value("WFLO_HTTP_PORT"),
    agentsModule: value("WFLO_AGENTS"),
    priceFile: path(value("WFLO_PRICES")),
    catalogueFile: { path: catalogue ?? resolve(stateFolder, "prices.json"), isDefault: catalogue === undefined },
    unpriced: value("WFLO_UNPRICED"),
    scriptsFolder: path(value("WFLO_SCRIPTS")),
    recordFolder: path(value("WFLO_RECORD")),
    traceKeepNanoUsd: value("WFLO_TRACE_KEEP_USD"),
    traceUrl: value("WFLO_TRACE_URL"),
    logContent: value("WFLO_LOG_CONTENT") === "on",
    logLevel: value("WFLO_LOG_LEVEL"),
    topics: { events: value("WFLO_EVENTS_TOPIC"), audit: value("WFLO_AUDIT_TOPIC") },
    stateFolder,
    allowScriptPaths: environment.NODE_ENV !== "production",
    redisUrl: value("REDIS_URL"),
    access: accessOf(path(value("WFLO_ACCESS_TOKENS")), value("WFLO_OIDC_ISSUER"), {
      audience: value("WFLO_OIDC_AUDIENCE"),
      rolesClaim: value("WFLO_OIDC_ROLES_CLAIM"),
    }),
    approverKeysFile: path(value("WFLO_APPROVER_KEYS")),
    approverKeyFile: path(value("WFLO_APPROVER_KEY")),
    auditKeyFile: path(value("WFLO_AUDIT_KEY")),
    auditPublicKeyFiles: value("WFLO_AUDIT_PUBLIC_KEYS").map((file) => resolve(folder, file)),
    rateLimits: value("WFLO_RATE_LIMITS"),
    kafka: kafkaOf(value("KAFKA_BROKERS"), {
      ssl: value("KAFKA_SSL") === "true",
      mechanism: value("KAFKA_SASL_MECHANISM"),
      username: value("KAFKA_SASL_USERNAME"),
      password: value("KAFKA_SASL_PASSWORD"),
    }),
  };
  if (value("KAFKA_SASL_USERNAME") !== undefined && value("KAFKA_SASL_PASSWORD") === undefined) {
    problems.push("KAFKA_SASL_USERNAME is set, and KAFKA_SASL_PASSWORD is not: set both");
  }
  const keys = value("WFLO_ENCRYPTION_KEYS");
  if (keys !== undefined && value("WFLO_KEY_RING") !== undefined) {
    problems.push("WFLO_ENCRYPTION_KEYS and WFLO_KEY_RING are both set: unset one of them");
  }
  if (problems.length > 0) throw new WrongSettings(problems);
  const secrets = secretsOf(environment, folder, secretModule);
  return Object.freeze({ ...config, secrets, keyRing: keyRingOf(environment, folder) });
}

function accessOf(
  tokenFile: string | undefined,
  issuer: string | undefined,
  oidc: Omit<OidcOptions, "issuer">,
): AccessSettings | undefined {
  if (tokenFile === undefined && issuer === undefined) return undefined;
  return { tokenFile, oidc: issuer === undefined ? undefined : { issuer, ...oidc } };
}

interface KafkaLogin {
  readonly ssl: boolean;
  readonly mechanism: NonNullable<KafkaSettings["sasl"]>["mechanism"];
  readonly username: string | undefined;
  readonly password: string | undefined;
}

function kafkaOf(
  brokers: readonly string[] | undefined,
  { ssl, mechanism, username, password = "" }: KafkaLogin,
): KafkaSettings | undefined {
  if (brokers === undefined) return undefined;
  return { brokers, ssl, ...(username === undefined ? {} : { sasl: { mechanism, username, password } }) };
}

import type { RateLimits } from "../adapters/models/rate-limits.js";
import { parseUsd } from "../core/money.js";
import { parseLimits, type SandboxLimits } from "../core/sandbox-limits.js";
import { readKeys, type WrongKeys } from "../encryption/key-ring.js";

/** One environment variable: what it means, and how its text becomes a value. */
interface Variable<T> {
  /** One line for docs/reference/environment.md. */
  readonly meaning: string;
  /** As docs show it. */
  readonly defaultText: string;
  readonly otherwise: T;
  /** What is accepted, for people. */
  readonly accepted: string;
  /** Undefined: not one of the accepted texts. */
  readonly read: (text: string) => T | undefined;
  /** What is wrong with a text that is not accepted, where the text itself must not be shown. */
  readonly problemOf?: (text: string) => string;
}

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** The variables of a Wflo process, besides those of Temporal, the model providers, AWS and OpenTelemetry. */
export const VARIABLES = {
  WFLO_BLOBS: {
    meaning:
      "blobs, transcripts and the call journal: `file:PATH` or `s3://bucket/prefix` (with the AWS SDK's variables)",
    defaultText: "file:.wflo/blobs",
    otherwise: { kind: "file", folder: ".wflo/blobs" },
    accepted: "file:PATH or s3://BUCKET/PREFIX",
    read: readBlobPlace,
  } satisfies Variable<
    | { readonly kind: "file"; readonly folder: string }
    | { readonly kind: "s3"; readonly bucket: string; readonly prefix: string }
  >,
  WFLO_TASK_QUEUE: {
    meaning: "the agents' task queue; sandboxed code is on `NAME-sandbox`",
    defaultText: "wflo",
    otherwise: "wflo",
    accepted: "1 to 200 letters, digits, . _ : / or -",
    read: (text) => (/^[\w.:/-]{1,200}$/.test(text) ? text : undefined),
  } satisfies Variable<string>,
  WFLO_SANDBOX: oneOf("what sandboxed code runs in; `none` refuses such tools", [
    "auto",
    "gvisor",
    "bubblewrap",
    "wasm",
    "none",
  ]),
  WFLO_SANDBOX_LIMITS: {
    meaning:
      "the most that an execution may have on this worker, whatever an agent asks for: `wall`, `cpu`, `memory`, `processes`, `output`, `disk`, `files`",
    defaultText: "wall=60s,cpu=60s,memory=512MiB,processes=128,output=1MiB,disk=64MiB,files=1000",
    otherwise: {},
    accepted: "NAME=AMOUNT,…, such as wall=5m,memory=2GiB",
    read: (text) => {
      const limits = parseLimits(text);
      return "problem" in limits ? undefined : limits;
    },
    problemOf: (text) => String((parseLimits(text) as { readonly problem?: string }).problem),
  } satisfies Variable<Partial<SandboxLimits>>,
  WFLO_SANDBOX_CONCURRENCY: {
    meaning:
      "how many executions run at once on this worker; together they may take so many times the memory of their limits",
    defaultText: "as many as there are processors",
    otherwise: undefined,
    accepted: "a whole number from 1 to 1000",
    read: (text) => (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1_000 ? Number(text) : undefined),
  } satisfies Variable<number | undefined>,
  WFLO_SANDBOX_STANDBY: {
    meaning:
      "how many sandboxes of gVisor and bubblewrap stand by, set up and empty, so that the next execution starts at once; each takes memory",
    defaultText: "0",
    otherwise: 0,
    accepted: "a whole number from 0 to 64",
    read: (text) => (/^\d{1,2}$/.test(text) && Number(text) <= 64 ? Number(text) : undefined),
  } satisfies Variable<number>,
  WFLO_HTTP_PORT: {
    meaning: "`/metrics`, `/healthz`, `/readyz` of a worker; `0` takes a free port and says which, `off` none",
    defaultText: "9464",
    otherwise: 9464,
    accepted: "a whole number from 0 to 65535, or off",
    read: readPort,
  } satisfies Variable<number | "off">,
  WFLO_AGENTS: optionalText("module (a path or a package) that exports agents", "the built-in agents"),
  WFLO_PRICES: optionalText("JSON file with prices that are laid over the catalogue", "none"),
  WFLO_PRICE_CATALOGUE: optionalText(
    "catalogue of prices that `wflo prices refresh` writes, used in place of the bundled one",
    "`prices.json` in WFLO_STATE, where it is there",
  ),
  WFLO_UNPRICED: oneOf("a model without a price where a budget applies: refuse it, or count it as unpriced", [
    "refuse",
    "allow",
  ]),
  WFLO_SCRIPTS: optionalText(
    "folder of scripted models (`scripted/NAME` plays `NAME.json`)",
    "`scripts/models` beside the agents",
  ),
  WFLO_RECORD: optionalText(
    "folder that real models' answers are recorded into, as scripts",
    "none: nothing is recorded",
  ),
  WFLO_LOG_LEVEL: { ...oneOf("pino's levels", LOG_LEVELS), defaultText: "info", otherwise: "info" },
  WFLO_LOG_CONTENT: oneOf("what people, models and tools say in log lines too; secrets never are", ["off", "on"]),
  WFLO_TRACE_URL: {
    ...optionalText("where a trace is to be seen, for `wflo show`: a URL with `{traceId}` in it", "none"),
    accepted: "a URL with {traceId} in it",
    read: (url: string) => (/^https?:\/\/.*\{traceId\}/.test(url) ? url : undefined),
  },
  WFLO_TRACE_KEEP_USD: {
    meaning:
      "where OTEL_TRACES_SAMPLER stores a share of the traces: runs that cost this much (and those that fail) are stored as well",
    defaultText: "1.00",
    otherwise: 1_000_000_000,
    accepted: "US dollars",
    read: (amount) => {
      const nanoUsd = parseUsd(amount);
      return typeof nanoUsd === "number" ? nanoUsd : undefined;
    },
  } satisfies Variable<number>,
  WFLO_EVENTS_TOPIC: topic("topic of the events", "wflo.events"),
  WFLO_AUDIT_TOPIC: topic("topic of the audit records", "wflo.audit"),
  WFLO_STATE: {
    ...text("folder for what a process keeps on this machine: event files, token streams"),
    defaultText: ".wflo",
    otherwise: ".wflo",
  },
  REDIS_URL: {
    meaning: "cache, rate limits, locks and token streams that workers share; it may lose everything at any time",
    defaultText: "none: cache, limits and locks of each process, token streams of each machine",
    otherwise: undefined,
    accepted: "redis://HOST:PORT or rediss://HOST:PORT, with user, password and /DB where needed",
    read: (word) => (/^rediss?:\/\/\S+$/.test(word) && URL.canParse(word) ? word : undefined),
  } satisfies Variable<string | undefined>,
  WFLO_RATE_LIMITS: {
    meaning:
      "what providers allow in a minute, over all workers that share Redis: `openai=500rpm,200000tpm;anthropic=50rpm`",
    defaultText: "none",
    otherwise: new Map(),
    accepted:
      "PROVIDER=Nrpm (requests a minute), PROVIDER=Ntpm (tokens a minute), or both, such as openai=500rpm,200000tpm",
    read: readRateLimits,
  } satisfies Variable<ReadonlyMap<string, RateLimits>>,
  KAFKA_BROKERS: {
    meaning: "brokers of a Kafka cluster that events and audit records go to, in place of files on this machine",
    defaultText: "none: files in WFLO_STATE",
    otherwise: undefined,
    accepted: "host:port,host:port,…",
    read: readBrokers,
  } satisfies Variable<readonly string[] | undefined>,
  KAFKA_SSL: oneOf("brokers are spoken to by TLS", ["false", "true"]),
  KAFKA_SASL_MECHANISM: {
    ...oneOf("how one logs in to the brokers, with KAFKA_SASL_USERNAME", ["plain", "scram-sha-256", "scram-sha-512"]),
    read: (word: string) =>
      (["plain", "scram-sha-256", "scram-sha-512"] as const).find((one) => one === word.toLowerCase()),
  },
  KAFKA_SASL_USERNAME: optionalText("who logs in to the brokers", "none: nobody does"),
  KAFKA_SASL_PASSWORD: optionalText("with what", "none"),
  WFLO_ENCRYPTION_KEYS: {
    meaning:
      "keys that payloads, blobs, events and streams are encrypted with: `id:base64key,…`; the first encrypts, all decrypt",
    defaultText: "none: nothing is encrypted",
    otherwise: undefined,
    accepted: "id:base64key,… with 32 bytes each",
    read: (text) => ("problem" in readKeys(text) ? undefined : text),
    problemOf: (text) => (readKeys(text) as WrongKeys).problem,
  } satisfies Variable<string | undefined>,
  WFLO_CODEC_TOKEN: optionalText(
    "whoever knows it may read through `wflo codec-server`; 16 characters or more",
    "one is made at start, and shown",
  ),
  WFLO_APPROVER_KEYS: optionalText(
    "file with the public keys of people who sign their decisions on gates: a JWK set whose `kid`s are their names (`wflo approver-key`)",
    "none: no signature counts, so `approvals.identity: verified` can't be met",
  ),
  WFLO_APPROVER_KEY: optionalText(
    "file with your own private key (PEM), with which `wflo approve`, `wflo reject` and `wflo run` sign what you decide",
    "none: decisions are not signed",
  ),
  WFLO_AUDIT_KEY: optionalText(
    "file with a private Ed25519 key (PEM), with which a worker signs what it puts on the audit log",
    "none: the audit log is chained, and not signed",
  ),
  WFLO_AUDIT_PUBLIC_KEYS: {
    meaning: "files with public Ed25519 keys (PEM) that `wflo audit verify` trusts, besides WFLO_AUDIT_KEY",
    defaultText: "none",
    otherwise: [],
    accepted: "FILE,FILE,…",
    read: (word) =>
      word
        .split(",")
        .map((file) => file.trim())
        .filter((file) => file !== ""),
  } satisfies Variable<readonly string[]>,
  WFLO_SECRETS: optionalText("module that exports `secretStore`, for tools' secrets of the form `store:NAME`", "none"),
  WFLO_TRIGGER_SECRETS: {
    meaning:
      "secrets that senders sign events with (`POST /triggers/NAME`), by the trigger's name: `NAME=whsec_…` (base64 after `whsec_`); a name may stand there twice",
    defaultText: "none: nobody may",
    otherwise: new Map(),
    accepted: "NAME=whsec_BASE64,…, of 24 bytes or more each",
    read: readTriggerSecrets,
    problemOf: () => "it is not accepted",
  } satisfies Variable<ReadonlyMap<string, readonly string[]>>,
  WFLO_ACCESS_TOKENS: optionalText(
    'file of bearer tokens for our HTTP surfaces: `{"tokens":[{"name","role","sha256"}]}`; roles are viewer, approver, operator',
    "none",
  ),
  WFLO_OIDC_ISSUER: {
    meaning: "OpenID Connect issuer whose tokens our HTTP surfaces take, by the role that they carry",
    defaultText: "none",
    otherwise: undefined,
    accepted: "an https:// address (http:// on this machine), as tokens have it in `iss`",
    read: readIssuer,
  } satisfies Variable<string | undefined>,
  WFLO_OIDC_AUDIENCE: { ...text("audience of those tokens (`aud`)"), defaultText: "wflo", otherwise: "wflo" },
  WFLO_OIDC_ROLES_CLAIM: {
    ...text("where those tokens have roles, such as `realm_access.roles`"),
    defaultText: "roles",
    otherwise: "roles",
  },
  WFLO_KEY_RING: optionalText(
    "module that exports `keyRing`, in place of WFLO_ENCRYPTION_KEYS: keys of a key management service",
    "none",
  ),
} as const;

/** One variable's value, or its default; what is wrong with it joins `problems`. */
export function readVariable<K extends keyof typeof VARIABLES>(
  name: K,
  environment: NodeJS.ProcessEnv,
  problems: string[],
): (typeof VARIABLES)[K]["otherwise"] | NonNullable<ReturnType<(typeof VARIABLES)[K]["read"]>> {
  const variable: Variable<unknown> = VARIABLES[name];
  const text = environment[name]?.trim();
  const value = text === undefined || text === "" ? variable.otherwise : variable.read(text);
  if (value === undefined && text !== undefined && text !== "") {
    const what = variable.problemOf?.(text) ?? `${JSON.stringify(text)} is not accepted`;
    problems.push(`${name}: ${what}; it must be ${variable.accepted} (default ${variable.defaultText})`);
  }
  return (value ?? variable.otherwise) as never;
}

function oneOf<const T extends readonly [string, ...string[]]>(meaning: string, choices: T): Variable<T[number]> {
  return {
    meaning,
    defaultText: choices[0],
    otherwise: choices[0],
    accepted: `one of ${choices.join(", ")}`,
    read: (word) => choices.find((choice) => choice === word),
  };
}

function text(meaning: string): Omit<Variable<string>, "defaultText" | "otherwise"> {
  return { meaning, accepted: "a text", read: (word) => word };
}

function optionalText(meaning: string, defaultText: string): Variable<string | undefined> {
  return { ...text(meaning), defaultText, otherwise: undefined };
}

function topic(meaning: string, name: string): Variable<string> {
  const read = (word: string) => (/^[A-Za-z0-9._-]{1,249}$/.test(word) ? word : undefined);
  return { meaning, defaultText: name, otherwise: name, accepted: "1 to 249 letters, digits, . _ or -", read };
}

function readBrokers(word: string): readonly string[] | undefined {
  const brokers = word.split(",").map((broker) => broker.trim());
  const isAddress = (broker: string) => /^(\[[0-9a-f:]+\]|[\w.-]+):\d{1,5}$/i.test(broker);
  return brokers.every(isAddress) ? brokers : undefined;
}

function readIssuer(word: string): string | undefined {
  if (!URL.canParse(word)) return undefined;
  const { protocol, hostname } = new URL(word);
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  return protocol === "https:" || (protocol === "http:" && isHere) ? word : undefined;
}

function readRateLimits(word: string): ReadonlyMap<string, RateLimits> | undefined {
  const limits = new Map<string, RateLimits>();
  for (const part of word.split(";").map((text) => text.trim())) {
    if (part === "") continue;
    const match = /^([a-z][a-z0-9-]*)\s*=\s*(.+)$/.exec(part);
    const limit = match && readLimit(match[2] ?? "");
    if (!match || !limit || limits.has(match[1] ?? "")) return undefined;
    limits.set(match[1] ?? "", limit);
  }
  return limits;
}

function readLimit(word: string): RateLimits | undefined {
  let limit: RateLimits = {};
  for (const part of word.split(",")) {
    const [, count = "", unit] = /^\s*([1-9]\d{0,11})(rpm|tpm)\s*$/.exec(part) ?? [];
    const name = unit === "rpm" ? "requestsPerMinute" : "tokensPerMinute";
    if (unit === undefined || limit[name] !== undefined) return undefined;
    limit = { ...limit, [name]: Number(count) };
  }
  return limit;
}

const LEAST_SECRET_BYTES = 24;

function readTriggerSecrets(word: string): ReadonlyMap<string, readonly string[]> | undefined {
  const secrets = new Map<string, readonly string[]>();
  for (const part of word.split(",")) {
    const [, name = "", base64 = ""] = /^\s*([\w.-]+)\s*=\s*whsec_([A-Za-z0-9+/]+={0,2})\s*$/.exec(part) ?? [];
    if (Buffer.from(base64, "base64").length < LEAST_SECRET_BYTES) return undefined;
    secrets.set(name, [...(secrets.get(name) ?? []), `whsec_${base64}`]);
  }
  return secrets;
}

function readPort(word: string): number | "off" | undefined {
  if (word === "off") return "off";
  const port = /^\d{1,5}$/.test(word) ? Number(word) : Number.NaN;
  return port <= 65_535 ? port : undefined;
}

function readBlobPlace(word: string) {
  const file = /^file:(.+)$/.exec(word)?.[1]?.replace(/^\/\/(?=\/)/, "");
  if (file !== undefined) return { kind: "file", folder: file } as const;
  const s3 = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([A-Za-z0-9._=/-]*))?$/.exec(word);
  if (!s3) return undefined;
  return { kind: "s3", bucket: s3[1] ?? "", prefix: (s3[2] ?? "").replace(/^\/+|\/+$/g, "") } as const;
}

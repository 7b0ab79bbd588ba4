import { getPublicSuffix } from "tldts";
import { digestOf } from "../core/digest.js";
import { DEFAULT_EGRESS, type EgressCredential, type EgressHost, type EgressPolicy, hostName } from "../core/egress.js";
import type { JsonObject } from "../core/json.js";
import type { SecretRef } from "../core/secret-ref.js";
import { DefinitionError } from "./definition-error.js";
import type { ToolDefinition } from "./tool.js";

/** A host that a sandbox tool may speak to. */
export interface NetworkHost {
  /** `api.example.com`, or `*.example.com` for all below it. */
  readonly host: string;
  /** @default [80, 443] */
  readonly ports?: readonly number[];
  /** One's own service in a private network: the address to connect to, in place of what the name resolves to. */
  readonly address?: string;
  /**
   * A header for plain requests (`http://…`), which the proxy puts in and sends on by TLS, so that the code never has it:
   * `{ secret: secretRef("env:CRM_TOKEN"), prefix: "Bearer " }`.
   */
  readonly credential?: { readonly secret: SecretRef; readonly header?: string; readonly prefix?: string };
  /** How plain requests go on. @default "https" with a credential, else "http" */
  readonly upstream?: "http" | "https";
}

export interface NetworkOptions {
  /** Names, `*.NAME`, or more of a host. No addresses, and no domain in which anybody can have a name (`*.com`, `*.github.io`). */
  readonly hosts: readonly (string | NetworkHost)[];
  /** Of all connections of one execution, both ways. @default 100 MiB */
  readonly bytes?: number;
  /** Of one execution. @default 1_000 */
  readonly requests?: number;
  /** What the model calls the tool: two agents of one module have no two tools of one name. @default the tool's own */
  readonly name?: string;
  /** @default asks under the default policy, as code that can speak to others can do harm */
  readonly approval?: "always" | "never";
}

const MOST_HOSTS = 100;
const HEADER = /^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
/** Of one hop: a proxy's own. */
const NO_CREDENTIALS: readonly string[] = [
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "upgrade",
  "te",
];

/**
 * A sandbox tool that may speak to these hosts, by HTTP and HTTPS through the egress proxy; everything else stays closed.
 * @throws DefinitionError that names the tool, the host and what is wrong
 * @example withNetwork(python, { hosts: ["pypi.org", "files.pythonhosted.org"] })
 */
export function withNetwork(tool: ToolDefinition, options: NetworkOptions): ToolDefinition {
  const { spec } = tool;
  const wrong = (option: string, problem: string) => new DefinitionError("tool", spec.name, option, problem);
  if (spec.kind !== "sandbox") throw wrong("network", "is for sandbox tools: other tools have the worker's own");
  const { hosts } = options;
  if (!Array.isArray(hosts) || hosts.length === 0 || hosts.length > MOST_HOSTS) {
    throw wrong("network.hosts", `must be a list of 1 to ${MOST_HOSTS} hosts`);
  }
  const policy: EgressPolicy = {
    hosts: hosts.map((host, index) => hostOf(host, (problem) => wrong(`network.hosts[${index}]`, problem))),
    bytes: amountOf(options.bytes, DEFAULT_EGRESS.bytes, (problem) => wrong("network.bytes", problem)),
    requests: amountOf(options.requests, DEFAULT_EGRESS.requests, (problem) => wrong("network.requests", problem)),
  };
  const names = policy.hosts.map(({ host }) => host).join(", ");
  return {
    ...tool,
    spec: {
      ...spec,
      name: nameOf(options.name ?? spec.name, wrong),
      // Part of what an approver approves.
      version: `${spec.version}-${digestOf(policy).slice(7, 15)}`,
      description: spec.description.replace(
        "There is no network.",
        `The network is HTTP and HTTPS to ${names} alone, through the proxy in HTTP_PROXY and HTTPS_PROXY.`,
      ),
      settings: { ...spec.settings, network: policy as unknown as JsonObject },
      safe: false,
      // What it did outside is not undone with the sandbox.
      repeatable: false,
      ...(options.approval === undefined ? {} : { approval: options.approval }),
    },
  };
}

function nameOf(name: string, wrong: (option: string, problem: string) => DefinitionError): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(name)) return name;
  throw wrong("name", "must be 1 to 64 letters, digits, _ or -");
}

type Wrong = (problem: string) => DefinitionError;

function hostOf(given: string | NetworkHost, wrong: Wrong): EgressHost {
  const { host, ports, address, credential, upstream } =
    typeof given === "string" ? ({ host: given } as NetworkHost) : given;
  return {
    host: patternOf(host, wrong),
    ...(ports === undefined ? {} : { ports: portsOf(ports, wrong) }),
    ...(address === undefined ? {} : { address: addressOf(address, wrong) }),
    ...(credential === undefined ? {} : { credential: credentialOf(credential, wrong) }),
    ...(upstream === undefined ? {} : { upstream: upstreamOf(upstream, wrong) }),
  };
}

function patternOf(host: unknown, wrong: Wrong): string {
  const text = String(host).toLowerCase();
  const isWildcard = text.startsWith("*.");
  const name = hostName(isWildcard ? text.slice(2) : text);
  if (typeof host !== "string" || name === undefined) {
    const address = /^[\d.:[\]a-f]+$/i.test(text)
      ? " (addresses are not: name the host, and give it an `address`)"
      : "";
    throw wrong(`must be a name such as api.example.com or *.example.com, not ${JSON.stringify(host)}${address}`);
  }
  if (isWildcard && getPublicSuffix(name, { allowPrivateDomains: true }) === name) {
    throw wrong(`is a domain in which anybody can have a name: ${text}; name the hosts below it`);
  }
  return isWildcard ? `*.${name}` : name;
}

function portsOf(ports: readonly number[], wrong: Wrong): readonly number[] {
  const isRight = Array.isArray(ports) && ports.length > 0 && ports.length <= 20;
  if (isRight && ports.every((port) => Number.isInteger(port) && port >= 1 && port <= 65_535)) return ports;
  throw wrong("ports must be a list of 1 to 20 whole numbers from 1 to 65535");
}

/** What it says is for the proxy to connect to, so it is checked there once more. */
function addressOf(address: string, wrong: Wrong): string {
  if (/^(\d{1,3}\.){3}\d{1,3}$/.test(address) || /^[0-9a-f:]{2,39}$/i.test(address)) return address;
  throw wrong(`address must be one such as 10.0.0.7, not ${JSON.stringify(address)}`);
}

function credentialOf(credential: NonNullable<NetworkHost["credential"]>, wrong: Wrong): EgressCredential {
  const { secret, header = "authorization", prefix = "" } = credential;
  if (!["env", "file", "store"].includes(secret?.from))
    throw wrong('credential.secret must be secretRef("env:NAME") or the like');
  const name = header.toLowerCase();
  if (!HEADER.test(name) || NO_CREDENTIALS.includes(name))
    throw wrong(`credential.header ${JSON.stringify(header)} carries no credential`);
  if (!/^[\x20-\x7e]{0,100}$/.test(prefix)) throw wrong("credential.prefix must be at most 100 printable characters");
  return { header: name, prefix, secret };
}

function upstreamOf(upstream: unknown, wrong: Wrong): "http" | "https" {
  if (upstream === "http" || upstream === "https") return upstream;
  throw wrong(`upstream must be "http" or "https", not ${JSON.stringify(upstream)}`);
}

function amountOf(amount: number | undefined, otherwise: number, wrong: Wrong): number {
  if (amount === undefined) return otherwise;
  if (Number.isSafeInteger(amount) && amount >= 1) return amount;
  throw wrong("must be a whole number from 1");
}

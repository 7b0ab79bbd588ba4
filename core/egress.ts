import type { SecretRef } from "./secret-ref.js";

/*
 * Which hosts code in a sandbox may speak to, by name: what is decided here is decided by the egress proxy, outside the
 * sandbox.
 */

/** A host that code may speak to. */
export interface EgressHost {
  /** A name such as `api.example.com`, or `*.example.com` for all below it. Lower case, ASCII. */
  readonly host: string;
  /** @default [80, 443] */
  readonly ports?: readonly number[];
  /** The address to connect to in place of what the name resolves to: one's own service, in a private network. */
  readonly address?: string;
  /** A header that the proxy puts into plain requests; the code never has it. */
  readonly credential?: EgressCredential;
  /** How plain requests go on: by `https` those to port 80 go to port 443. @default "https" with a credential, else "http" */
  readonly upstream?: "http" | "https";
}

export interface EgressCredential {
  /** Lower case. @default "authorization" */
  readonly header: string;
  /** In front of the secret, such as `Bearer `. */
  readonly prefix: string;
  readonly secret: SecretRef;
}

/** What a tool's settings have. */
export interface EgressPolicy {
  readonly hosts: readonly EgressHost[];
  /** Of all connections together, both ways. */
  readonly bytes: number;
  readonly requests: number;
}

/** What an execution asked of the network: one for each host, port and outcome. */
export interface EgressRecord {
  readonly host: string;
  readonly port: number;
  readonly outcome: "allowed" | "refused" | "failed";
  /** Why it was refused, or failed. */
  readonly why?: string;
  readonly requests: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export const DEFAULT_EGRESS = { bytes: 100 * 1024 * 1024, requests: 1_000 } as const;

const DEFAULT_PORTS: readonly number[] = [80, 443];

/** A DNS name of at least two labels; no address in any of its spellings (`0x7f.1`, `2130706433`), as its last label is a word. */
const NAME = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** A name as it is compared: lower case, without the root's dot; undefined: it is none. */
export function hostName(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, "");
  return NAME.test(name) ? name : undefined;
}

/** The host that a name and port belong to, the most exact one first; undefined: none may be spoken to. */
export function egressHostFor<Host extends Pick<EgressHost, "host" | "ports">>(
  hosts: readonly Host[],
  name: string,
  port: number,
): Host | undefined {
  const fits = ({ host, ports = DEFAULT_PORTS }: Host) => {
    const isNamed = host.startsWith("*.")
      ? name.endsWith(host.slice(1)) && name.length > host.length - 1
      : name === host;
    return isNamed && ports.includes(port);
  };
  const exactness = ({ host }: Host) => (host.startsWith("*.") ? host.length : Number.POSITIVE_INFINITY);
  return hosts.filter(fits).sort((one, other) => exactness(other) - exactness(one))[0];
}

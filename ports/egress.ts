import type { EgressHost, EgressPolicy, EgressRecord } from "../core/egress.js";

/** A host with its credential at hand. */
export interface OpenEgressHost extends Omit<EgressHost, "credential"> {
  readonly credential?: { readonly header: string; readonly value: string };
}

/** A policy with its credentials at hand: it stays in memory. */
export interface OpenEgressPolicy extends Omit<EgressPolicy, "hosts"> {
  readonly hosts: readonly OpenEgressHost[];
}

/** A way out for one execution. */
export interface EgressGate {
  /** Ends every connection. Answers what was asked for, by host; of many the ones with most requests. */
  close(): Promise<readonly EgressRecord[]>;
}

/**
 * The way from sandboxes to the network: an HTTP proxy that speaks to the policy's hosts alone. Names are compared as they are
 * asked for and resolved once; what they resolve to must be public, unless the policy itself names the address.
 */
export interface Egress {
  /** Listens on a local socket, which whoever can reach it may use. @throws Error where the proxy cannot be had */
  open(socketPath: string, policy: OpenEgressPolicy): Promise<EgressGate>;
  close(): Promise<void>;
}

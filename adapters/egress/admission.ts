import { egressHostFor, hostName } from "../../core/egress.js";
import type { OpenEgressHost, OpenEgressPolicy } from "../../ports/egress.js";
import { PrivateAddress, publicAddress, type Resolve } from "./resolve.js";
import type { Tally } from "./tally.js";

/** Where a request wants to go. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** A target that may be spoken to, and the address to connect to. */
export interface Admitted extends Target {
  readonly address: string;
  readonly rule: OpenEgressHost;
}

/** A request that is not passed on: `refused` by the policy, or `failed` on its way. */
export class NotPassed extends Error {
  readonly target: Target;
  readonly outcome: "refused" | "failed";
  constructor(target: Target, why: string, outcome: "refused" | "failed" = "refused") {
    super(why);
    this.target = target;
    this.outcome = outcome;
  }
}

/** Decides on targets by a policy. Throws NotPassed. */
export type Admit = (host: string, port: number) => Promise<Admitted>;

export function createAdmission(policy: OpenEgressPolicy, tally: Tally, resolve: Resolve): Admit {
  return async (text, port) => {
    const shown = { host: text.slice(0, 253), port };
    const host = hostName(text);
    if (host === undefined) throw new NotPassed(shown, "is no name of a host: addresses are not allowed");
    const target = { host, port };
    if (tally.requests() >= policy.requests) throw new NotPassed(target, `after ${policy.requests} requests`);
    if (tally.bytes() > policy.bytes) throw new NotPassed(target, `after ${policy.bytes} bytes`);
    const rule = egressHostFor(policy.hosts, host, port);
    const allowed = policy.hosts.map((one) => one.host).join(", ");
    if (!rule) throw new NotPassed(target, `is not allowed; allowed are ${allowed}`);
    try {
      return { ...target, rule, address: rule.address ?? (await publicAddress(host, resolve)) };
    } catch (error) {
      const outcome = error instanceof PrivateAddress ? "refused" : "failed";
      throw new NotPassed(target, (error as Error).message, outcome);
    }
  };
}

/** Counts what was not passed on. @returns the answer's status, and what it says */
export function refusal(
  error: unknown,
  asked: Target,
  tally: Tally,
): { readonly status: 403 | 502; readonly words: string } {
  const not = error instanceof NotPassed ? error : new NotPassed(asked, (error as Error).message, "failed");
  tally.count({ ...not.target, outcome: not.outcome }, not.message);
  const { host, port } = not.target;
  return { status: not.outcome === "refused" ? 403 : 502, words: `wflo: ${host}:${port} ${not.message}\n` };
}

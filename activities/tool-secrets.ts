import type { EgressPolicy } from "../core/egress.js";
import { createRedaction, type Redaction } from "../core/redaction.js";
import { placeOf, type SecretRef } from "../core/secret-ref.js";
import type { OpenEgressPolicy } from "../ports/egress.js";
import type { SecretStore } from "../ports/secret-store.js";

/** Where each kind of secret is looked for; without a store there is none. */
export interface Secrets {
  readonly env: SecretStore;
  readonly file: SecretStore;
  readonly store?: SecretStore | undefined;
}

/** A tool's secrets by the tool's own names. */
export type SecretRefs = Readonly<Record<string, SecretRef>>;

/** A secret that a tool needs is not there, or its store does not answer: the call is tried again. */
export class SecretUnavailable extends Error {
  override readonly name = "SecretUnavailable";
}

/** The secrets of a tool, for one call. @throws SecretUnavailable that says where it was looked for */
export async function resolveSecrets(secrets: Secrets, refs: SecretRefs): Promise<Readonly<Record<string, string>>> {
  const found = Object.entries(refs).map(
    async ([name, ref]) => [name, await resolveSecret(secrets, name, ref)] as const,
  );
  return Object.fromEntries(await Promise.all(found));
}

async function resolveSecret(secrets: Secrets, name: string, ref: SecretRef): Promise<string> {
  let value: string | undefined;
  try {
    value = await secrets[ref.from]?.get(ref.name);
  } catch (error) {
    throw new SecretUnavailable(`the secret ${name} can't be read from ${placeOf(ref)}: ${(error as Error).message}`);
  }
  if (value === undefined) throw new SecretUnavailable(`the secret ${name} is not there: ${placeOf(ref)}`);
  return value;
}

/** A policy with its credentials at hand, and the secrets that are in it. @throws SecretUnavailable */
export async function openPolicy(
  secrets: Secrets,
  { hosts, ...limits }: EgressPolicy,
): Promise<{ readonly policy: OpenEgressPolicy; readonly found: Readonly<Record<string, string>> }> {
  const found: Record<string, string> = {};
  const opened = hosts.map(async ({ credential, ...host }, index) => {
    if (!credential) return host;
    const value = await resolveSecret(secrets, host.host, credential.secret);
    // A host may stand there twice, with other ports and another credential.
    found[Object.hasOwn(found, host.host) ? `${host.host} (${index + 1})` : host.host] = value;
    return { ...host, credential: { header: credential.header, value: `${credential.prefix}${value}` } };
  });
  return { policy: { ...limits, hosts: await Promise.all(opened) }, found };
}

/** Takes the secrets out of what a tool answers. */
export function redactionOf(secrets: Readonly<Record<string, string>>): Redaction {
  return createRedaction(secrets, (text) => {
    const bytes = Buffer.from(text);
    return [...base64Forms(bytes), bytes.toString("hex")];
  });
}

/** What base64 makes of bytes wherever they start in a longer text: the part that depends on nothing beside them. */
function base64Forms(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes]);
    const first = Math.ceil((shift * 8) / 6);
    const last = Math.floor((whole.length * 8) / 6);
    return (["base64", "base64url"] as const).map((form) => whole.toString(form).slice(first, last));
  });
}

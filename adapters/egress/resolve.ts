import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** Asks for a name's addresses. */
export type Resolve = (name: string) => Promise<readonly string[]>;

export const resolveBySystem: Resolve = async (name) =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address);

/** A name that leads where nobody may go. */
export class PrivateAddress extends Error {
  override readonly name = "PrivateAddress";
}

/**
 * The address to connect to. All that the name resolves to have to be public: this machine, private networks and what clouds
 * tell of their machines (169.254.169.254) are none, in no spelling and through no translation (IPv4 in IPv6, 6to4, NAT64).
 * The connection goes to this very address, so that a second answer to the name changes nothing.
 * @throws PrivateAddress; whatever the resolver throws
 */
export async function publicAddress(name: string, resolve: Resolve): Promise<string> {
  const addresses = await resolve(name);
  const [first] = addresses;
  if (first === undefined) throw new Error(`${name} has no address`);
  for (const address of addresses) {
    const range = rangeOf(address);
    if (range !== "unicast") throw new PrivateAddress(`${name} leads to ${address}, which is not public (${range})`);
  }
  return first;
}

/** IANA's registries of special addresses, as ipaddr.js has them: `unicast` is what is in none of them. */
export function rangeOf(address: string): string {
  if (isIP(address) === 0) return "no address";
  return ipaddr.process(address.replace(/%.*$/, "")).range();
}

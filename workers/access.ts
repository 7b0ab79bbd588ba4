import { anyOf } from "../adapters/access/any-of.js";
import { createOidcAccess } from "../adapters/access/oidc.js";
import { readTokenFile, WrongTokenFile } from "../adapters/access/token-file.js";
import type { Access } from "../ports/access.js";
import { type Config, WrongSettings } from "./config.js";

/** Who may use our HTTP surfaces; undefined: the settings name nobody. @throws WrongSettings for a file that is none */
export function openAccess({ access }: Pick<Config, "access">): Access | undefined {
  if (!access) return undefined;
  const { tokenFile, oidc } = access;
  try {
    return anyOf([
      ...(tokenFile === undefined ? [] : [readTokenFile(tokenFile)]),
      ...(oidc === undefined ? [] : [createOidcAccess(oidc)]),
    ]);
  } catch (error) {
    if (!(error instanceof WrongTokenFile)) throw error;
    throw new WrongSettings([`WFLO_ACCESS_TOKENS: ${error.message}`]);
  }
}

import type { Role } from "../../core/roles.js";
import type { Access } from "../../ports/access.js";
import { knownTokens, sha256Of } from "./known-tokens.js";

/** One token for everybody. */
export function oneToken(token: string, role: Role): Access {
  return knownTokens([{ name: "whoever has the token", role, sha256: sha256Of(token) }]);
}

import { createHash, timingSafeEqual } from "node:crypto";
import type { Role } from "../../core/roles.js";
import type { Access } from "../../ports/access.js";

/** One token for everybody. Takes as long for any text: digests have one length. */
export function oneToken(token: string, role: Role): Access {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const known = digest(token);
  return {
    identify: async (given) =>
      timingSafeEqual(digest(given), known) ? { name: "whoever has the token", role } : undefined,
  };
}

import type { Access, Caller } from "../../ports/access.js";

/** Who any of these says that it is, the first one first. */
export function anyOf(ways: readonly Access[]): Access {
  return {
    async identify(token) {
      for (const way of ways) {
        const caller: Caller | undefined = await way.identify(token);
        if (caller) return caller;
      }
      return undefined;
    },
  };
}

import type { KeyRing } from "../ports/key-ring.js";
import { type ObjectStore, StoreUnavailable } from "../ports/object-store.js";
import { seal, Undecipherable, unseal } from "./cipher.js";

/**
 * A store that keeps sealed values below the same keys (a blob's key says the SHA-256 of its clear content). Values from
 * before there was encryption are read as they are.
 */
export function encryptedObjectStore(store: ObjectStore, ring: KeyRing): ObjectStore {
  return {
    ...store,
    description: `${store.description} (encrypted)`,
    async get(key) {
      const value = await store.get(key);
      if (value === undefined) return undefined;
      try {
        return await unseal(ring, value, key);
      } catch (error) {
        // A key can be added: until then the value is away, and whoever needs it waits.
        if (error instanceof Undecipherable && error.kind === "no-key") throw new StoreUnavailable(error.message);
        throw error;
      }
    },
    put: async (key, value, options) => await store.put(key, await seal(ring, value, key), options),
    putIfAbsent: async (key, value, options) => await store.putIfAbsent(key, await seal(ring, value, key), options),
  };
}

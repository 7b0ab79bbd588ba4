import { checkKey, checkPrefix, type ObjectStore } from "../../ports/object-store.js";

/** Lives and dies with its process: for tests. */
export function createMemoryObjectStore(): ObjectStore {
  const values = new Map<string, Uint8Array>();
  return {
    description: "memory",
    async get(key) {
      checkKey(key);
      const value = values.get(key);
      return value && copyOf(value);
    },
    async put(key, value) {
      checkKey(key);
      values.set(key, copyOf(value));
    },
    async putIfAbsent(key, value) {
      checkKey(key);
      if (values.has(key)) return false;
      values.set(key, copyOf(value));
      return true;
    },
    async list(prefix) {
      checkPrefix(prefix);
      return [...values.keys()].filter((key) => key.startsWith(prefix)).sort();
    },
    async delete(key) {
      checkKey(key);
      values.delete(key);
    },
  };
}

/** Not `slice`, which for a Buffer is a view of the same bytes. */
function copyOf(value: Uint8Array): Uint8Array {
  return new Uint8Array(value);
}

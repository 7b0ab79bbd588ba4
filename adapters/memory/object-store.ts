import type { ObjectStore } from "../../ports/object-store.js";

/** Lives and dies with its process: for tests. */
export function createMemoryObjectStore(): ObjectStore {
  const values = new Map<string, Uint8Array>();
  return {
    description: "memory",
    get: async (key) => values.get(key),
    put: async (key, value) => {
      values.set(key, value.slice());
    },
    putIfAbsent: async (key, value) => {
      if (values.has(key)) return false;
      values.set(key, value.slice());
      return true;
    },
    list: async (prefix) => [...values.keys()].filter((key) => key.startsWith(prefix)).sort(),
    delete: async (key) => {
      values.delete(key);
    },
  };
}

import type { SecretStore } from "../../ports/secret-store.js";

/** Environment variables; an empty one is none. */
export function createEnvironmentSecrets(environment: NodeJS.ProcessEnv): SecretStore {
  return { get: async (name) => environment[name] || undefined };
}

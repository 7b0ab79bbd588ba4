import { pathToFileURL } from "node:url";
import { resolveSecrets, type Secrets, SecretUnavailable } from "../activities/tool-secrets.js";
import { createEnvironmentSecrets } from "../adapters/environment/secrets.js";
import { createFileSecrets } from "../adapters/file/secrets.js";
import type { ToolDefinition } from "../agents/tool.js";
import type { EgressPolicy } from "../core/egress.js";
import { SHORTEST_HIDDEN } from "../core/redaction.js";
import type { SecretRef } from "../core/secret-ref.js";
import type { SecretStore } from "../ports/secret-store.js";

/** Where a worker's tools look for secrets. @param module that exports `secretStore` */
export function secretsOf(environment: NodeJS.ProcessEnv, folder: string, module: string | undefined): Secrets {
  return {
    env: createEnvironmentSecrets(environment),
    file: createFileSecrets(folder),
    ...(module === undefined ? {} : { store: createModuleStore(module) }),
  };
}

/** A store that a module exports, loaded when it is needed. */
function createModuleStore(path: string): SecretStore {
  let loading: Promise<SecretStore> | undefined;
  return {
    async get(name) {
      loading ??= load(path);
      return await (await loading).get(name);
    },
  };
}

async function load(path: string): Promise<SecretStore> {
  const { secretStore } = (await import(pathToFileURL(path).href)) as { readonly secretStore?: Partial<SecretStore> };
  if (typeof secretStore?.get === "function") return secretStore as SecretStore;
  throw new TypeError(`${path} (WFLO_SECRETS) exports no secretStore with the method get`);
}

/** Secrets that the egress proxy puts into requests, by host. */
function credentialsOf({ settings }: ToolDefinition["spec"]): readonly (readonly [string, SecretRef])[] {
  const { hosts = [] } = (settings?.network ?? {}) as unknown as Partial<EgressPolicy>;
  return hosts.flatMap(({ host, credential }) => (credential ? [[host, credential.secret] as const] : []));
}

/** What is missing of the secrets that tools need, a line each, and what is too short to be taken out of results. */
export async function secretProblems(
  secrets: Secrets,
  tools: Iterable<ToolDefinition>,
): Promise<{ readonly missing: readonly string[]; readonly short: readonly string[] }> {
  const missing: string[] = [];
  const short: string[] = [];
  for (const { spec, secrets: own = {} } of tools) {
    for (const [name, ref] of [...Object.entries(own), ...credentialsOf(spec)]) {
      try {
        const value = (await resolveSecrets(secrets, { [name]: ref }))[name] ?? "";
        if (value.length < SHORTEST_HIDDEN) short.push(`${spec.name}: ${name}`);
      } catch (error) {
        if (!(error instanceof SecretUnavailable)) throw error;
        missing.push(`the tool ${spec.name}: ${error.message}`);
      }
    }
  }
  return { missing, short };
}

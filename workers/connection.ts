import { loadClientConnectConfig } from "@temporalio/envconfig";
import { NativeConnection } from "@temporalio/worker";

/** Where the Temporal server is, from the standard variables and profiles. */
export interface ServerPlace {
  readonly address: string;
  readonly namespace: string;
}

/** The server cannot be reached: the message says where it was looked for. */
export class ServerUnreachable extends Error {
  override readonly name = "ServerUnreachable";
}

/** Reads `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS*`, `TEMPORAL_PROFILE`. */
export function serverPlace(environment: NodeJS.ProcessEnv): ServerPlace & { readonly options: object } {
  const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: definedOf(environment) });
  return {
    address: connectionOptions.address ?? "127.0.0.1:7233",
    namespace: namespace ?? "default",
    options: connectionOptions,
  };
}

/** A worker's connection. @throws ServerUnreachable */
export async function connectWorker(environment: NodeJS.ProcessEnv): Promise<NativeConnection> {
  const { address, options } = serverPlace(environment);
  try {
    return await NativeConnection.connect({ ...options, address });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const advice = "start one with `wflo dev`, or set TEMPORAL_ADDRESS";
    throw new ServerUnreachable(`there is no Temporal server at ${address} (${why}); ${advice}`, { cause: error });
  }
}

function definedOf(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KeyRing } from "../../ports/key-ring.js";
import { BILLING_PRICES, type BillingProvider, type Reply, startBillingProvider } from "./billing-provider.js";
import { type OwnServer, startOwnServer } from "./own-server.js";
import { type WorkerProcesses, workerProcesses } from "./worker-processes.js";

/** Real processes against a server, a database and folders of their own, of which a test reads every file afterwards. */
export interface ScannedWorld {
  readonly server: OwnServer;
  readonly provider: BillingProvider;
  readonly workers: WorkerProcesses;
  /** Folders with all that anybody kept. */
  readonly kept: readonly string[];
  stop(): Promise<void>;
}

/** @param agents the text of their module @param reply what `openai-compatible/billing` says in each turn */
export async function startScannedWorld(world: {
  readonly agents: string;
  readonly reply: Reply;
  readonly environment?: NodeJS.ProcessEnv;
  readonly keyRing?: KeyRing;
}): Promise<ScannedWorld> {
  const { agents, reply, environment = {}, keyRing } = world;
  const server = await startOwnServer({});
  const provider = await startBillingProvider(reply);
  const stopOthers = async () => {
    await provider.close();
    await server.stop();
  };
  const starting = workerProcesses({
    agents,
    address: server.address,
    ...(keyRing ? { keyRing } : {}),
    environment: {
      OPENAI_COMPATIBLE_BASE_URL: provider.url,
      OPENAI_COMPATIBLE_API_KEY: "not-a-key",
      WFLO_PRICES: "./prices.json",
      WFLO_STATE: "kept/state",
      WFLO_BLOBS: "file:kept/blobs",
      ...environment,
    },
  });
  starting.catch(stopOthers);
  const workers = await starting;
  await mkdir(join(workers.folder, "kept"));
  await writeFile(join(workers.folder, "prices.json"), JSON.stringify(BILLING_PRICES));
  return {
    server,
    provider,
    workers,
    kept: [join(workers.folder, "kept"), server.folder],
    async stop() {
      await workers.stop();
      await stopOthers();
    },
  };
}

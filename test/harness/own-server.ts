import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { devServerArguments } from "../../workers/dev-server-flags.js";
import { freePort } from "../../workers/free-port.js";
import { findTemporalCli } from "../../workers/tool-finder.js";
import { startProcess } from "./processes.js";

/** A Temporal server of a test's own, with settings that the shared one must not have. */
export interface OwnServer {
  readonly address: string;
  /** Of its database. */
  readonly folder: string;
  /** Kills it, and starts it again on its port with what it had, after `meanwhile`. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** @param options.dynamic settings such as `limit.historyCount.suggestContinueAsNew=40` */
export async function startOwnServer(options: {
  readonly dynamic?: readonly string[];
  readonly withoutSearchAttributes?: boolean;
}): Promise<OwnServer> {
  const cli = await findTemporalCli({ report: () => undefined });
  const folder = await mkdtemp(join(tmpdir(), "wflo-test-server-"));
  const port = await freePort();
  const usual = devServerArguments({ port, databaseFile: join(folder, "temporal.db") });
  const args = [
    ...(options.withoutSearchAttributes ? usual.filter((_, at) => !isSearchAttribute(usual, at)) : usual),
    ...(options.dynamic ?? []).flatMap((setting) => ["--dynamic-config-value", setting]),
  ];
  const start = async () => await startProcess({ command: cli.path, args, ready: /^Temporal Server:/ });
  let server = await start();
  return {
    address: `127.0.0.1:${port}`,
    folder,
    async restart(meanwhile) {
      await server.stop("SIGKILL");
      await meanwhile?.();
      server = await start();
    },
    async stop() {
      await server.stop("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The flag, or its value. */
function isSearchAttribute(args: readonly string[], at: number): boolean {
  return args[at] === "--search-attribute" || args[at - 1] === "--search-attribute";
}

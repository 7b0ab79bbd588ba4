/** What `wflo dev` and the tests start the embedded Temporal server with. */
export interface DevServerOptions {
  readonly port: number;
  /** Address to listen on. @default "127.0.0.1" */
  readonly ip?: string;
  /** Port of the Web UI; without it there is none. */
  readonly uiPort?: number;
  /** SQLite file that holds everything. */
  readonly databaseFile: string;
  /** @default "default" */
  readonly namespace?: string;
}

/** The search attributes of the contract, with their types. */
export const SEARCH_ATTRIBUTES: Readonly<Record<string, "Keyword" | "Int">> = {
  WfloAgent: "Keyword",
  WfloStatus: "Keyword",
  WfloAccount: "Keyword",
  WfloModel: "Keyword",
  WfloCostNanoUsd: "Int",
  WfloTurn: "Int",
  WfloRoot: "Keyword",
};

/** Without these two every write of the dev server is synced to the disk twice: 58 ms a step instead of 22. */
const SQLITE_PRAGMAS = ["journal_mode=WAL", "synchronous=NORMAL"];

const DYNAMIC_CONFIGURATION = [
  // The transfer queue is polled 20 times a second by default, which is 50 ms a step.
  "history.transferProcessorMaxPollRPS=1000",
  // The worker that completes a workflow task starts its activities at once.
  "system.enableActivityEagerExecution=true",
  // Accounts take turns on a queue (tasks carry the account as their fairness key); each partition is fair by itself, and
  // one machine needs only one.
  "matching.enableFairness=true",
  "matching.numTaskqueueReadPartitions=1",
  "matching.numTaskqueueWritePartitions=1",
];

/** Arguments for the Temporal CLI. It prints a line that starts with `Temporal Server:` when it is up. */
export function devServerArguments(options: DevServerOptions): string[] {
  const { port, ip = "127.0.0.1", uiPort, databaseFile, namespace } = options;
  return [
    ...["server", "start-dev", "--ip", ip, "--port", String(port), "--db-filename", databaseFile],
    ...(uiPort === undefined ? ["--headless"] : ["--ui-port", String(uiPort), "--ui-disable-news-fetch"]),
    ...(namespace === undefined ? [] : ["--namespace", namespace]),
    ...SQLITE_PRAGMAS.flatMap((pragma) => ["--sqlite-pragma", pragma]),
    ...DYNAMIC_CONFIGURATION.flatMap((value) => ["--dynamic-config-value", value]),
    ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ["--search-attribute", `${name}=${type}`]),
  ];
}

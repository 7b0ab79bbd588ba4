import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { packageRoot } from "../../workers/tool-finder.js";
import { type OwnServer, startOwnServer } from "./own-server.js";
import { type StartedProcess, startProcess } from "./processes.js";
import { type WorkerProcesses, workerProcesses } from "./worker-processes.js";

/** Triggers, an agent and a worker, on a Temporal server of their own. */
export interface TriggerWorld {
  readonly server: OwnServer;
  readonly workers: WorkerProcesses;
  /** Starts `wflo triggers`. */
  startTriggers(args?: readonly string[]): Promise<StartedProcess>;
  /** Ends those that still run. */
  stopTriggers(): Promise<void>;
  /** One command of the CLI: what it prints. Rejects where it fails. */
  cli(...argv: readonly string[]): Promise<string>;
  cliWith(environment: NodeJS.ProcessEnv, ...argv: readonly string[]): Promise<string>;
  /** Ids of the runs whose id begins so, sorted; each as often as it was started. */
  runs(prefix: string): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const PLAIN = { turns: [{ text: "hello" }] };

/** @param agents the text of the module @param environment of everything, such as KAFKA_BROKERS */
export async function startTriggerWorld({
  agents,
  environment = {},
}: {
  readonly agents: string;
  readonly environment?: NodeJS.ProcessEnv;
}): Promise<TriggerWorld> {
  const server = await startOwnServer({});
  const all = {
    ...environment,
    WFLO_STATE: "state",
    WFLO_BLOBS: "file:blobs",
    WFLO_SCRIPTS: "scripts",
    WFLO_SANDBOX: "none",
    NODE_ENV: "test",
  };
  const workers = await workerProcesses({ agents, address: server.address, environment: all }).catch(
    async (error: unknown) => {
      await server.stop();
      throw error;
    },
  );
  await mkdir(join(workers.folder, "scripts"));
  await writeFile(join(workers.folder, "scripts/plain.json"), JSON.stringify(PLAIN));
  const started: StartedProcess[] = [];
  const program = join(packageRoot(), "scripts/wflo.mjs");
  const env = {
    PATH: process.env.PATH,
    HOME: workers.folder,
    TEMPORAL_ADDRESS: server.address,
    WFLO_TASK_QUEUE: workers.taskQueue,
    WFLO_AGENTS: "./agents.mjs",
    WFLO_HTTP_PORT: "off",
    ...all,
  };
  const cliWith = async (more: NodeJS.ProcessEnv, ...argv: readonly string[]) => {
    const options = { env: { ...env, ...more }, cwd: workers.folder };
    return (await promisify(execFile)(process.execPath, [program, ...argv], options)).stdout;
  };
  return {
    server,
    workers,
    async startTriggers(args = []) {
      const options = { cwd: workers.folder, env, ready: /"triggers .* on |triggers .* on / };
      const running = await startProcess({
        command: process.execPath,
        args: [program, "triggers", ...args],
        ...options,
      });
      started.push(running);
      return running;
    },
    async stopTriggers() {
      await Promise.all(started.splice(0).map(async (one) => await one.stop("SIGTERM")));
    },
    cli: async (...argv) => await cliWith({}, ...argv),
    cliWith,
    async runs(prefix) {
      const found: string[] = [];
      const query = `WorkflowType = 'agentRun' AND ExecutionStatus != 'ContinuedAsNew' AND WorkflowId STARTS_WITH '${prefix}'`;
      for await (const { workflowId } of workers.client.workflow.list({ query })) found.push(workflowId);
      return found.sort();
    },
    async stop() {
      for (const one of started) await one.stop("SIGKILL");
      await workers.stop();
      await server.stop();
    },
  };
}

import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import type { RunResult } from "../../core/run.js";
import { clientConverter } from "../../encryption/data-converter.js";
import type { Checkpoint } from "../../ports/checkpoints.js";
import type { KeyRing } from "../../ports/key-ring.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { temporalAddress, workflowBundlePath } from "./environment.js";
import { type StartedProcess, startProcess } from "./processes.js";

/** Real worker processes on a task queue of their own, that share a folder and nothing else. */
export interface WorkerProcesses {
  readonly client: Client;
  readonly folder: string;
  readonly taskQueue: string;
  /** Starts one; with `dieAt` it kills itself when it reaches that checkpoint. */
  startWorker(options?: {
    readonly dieAt?: Checkpoint;
    readonly environment?: NodeJS.ProcessEnv;
  }): Promise<StartedProcess>;
  startRun(input: object, workflowId?: string): ReturnType<typeof startRun>;
  stop(): Promise<void>;
}

/** @param environment of every worker; `agents` is the text of the module with their agents */
export async function workerProcesses(world: {
  readonly environment?: NodeJS.ProcessEnv;
  readonly agents?: string;
  /** Of a server of the test's own. */
  readonly address?: string;
  readonly keyRing?: KeyRing;
}): Promise<WorkerProcesses> {
  const { address = temporalAddress(), keyRing } = world;
  const folder = await mkdtemp(join(tmpdir(), "wflo-workers-"));
  const taskQueue = `test-${randomUUID()}`;
  if (world.agents !== undefined) await writeFile(join(folder, "agents.mjs"), world.agents);
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, ...(keyRing ? { dataConverter: clientConverter(keyRing) } : {}) });
  const started: StartedProcess[] = [];
  return {
    client,
    folder,
    taskQueue,
    async startWorker({ dieAt, environment = {} } = {}) {
      const root = packageRoot();
      const worker = await startProcess({
        command: process.execPath,
        args: ["--import", join(root, "scripts/typescript.mjs"), join(root, "test/harness/crash-worker.ts")],
        cwd: folder,
        env: {
          PATH: process.env.PATH,
          HOME: folder,
          WFLO_CACHE_DIR: process.env.WFLO_CACHE_DIR ?? join(root, ".cache"),
          TEMPORAL_ADDRESS: address,
          WFLO_TEST_BUNDLE: workflowBundlePath(),
          WFLO_TASK_QUEUE: taskQueue,
          WFLO_HTTP_PORT: "off",
          ...(world.agents === undefined ? {} : { WFLO_AGENTS: "./agents.mjs" }),
          ...world.environment,
          ...environment,
          ...(dieAt === undefined ? {} : { WFLO_TEST_DIE_AT: dieAt }),
        },
        ready: /^the worker is polling/,
      });
      started.push(worker);
      return worker;
    },
    startRun: async (input, workflowId = `run-${randomUUID()}`) => await startRun(client, taskQueue, input, workflowId),
    async stop() {
      for (const worker of started) await worker.stop("SIGKILL");
      await connection.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startRun(client: Client, taskQueue: string, input: object, workflowId: string) {
  return await client.workflow.start<(input: object) => Promise<RunResult>>("agentRun", {
    taskQueue,
    workflowId,
    args: [input],
  });
}

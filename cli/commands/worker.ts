import { type Command, InvalidArgumentError } from "commander";
import type { Queue } from "../../workers/agent-worker.js";
import { readConfig } from "../../workers/config.js";

const QUEUES: readonly Queue[] = ["agents", "sandbox"];

/** `wflo worker`: takes work from the server of the environment until it is told to stop. */
export function registerWorker(program: Command, { environment }: { readonly environment: NodeJS.ProcessEnv }): void {
  program
    .command("worker")
    .description("run agents, tools and sandboxed code for the server of the environment")
    .option("--queues <list>", "agents, sandbox, or both", readQueues, QUEUES)
    .action(async ({ queues }: { queues: readonly Queue[] }) => {
      const { startWorkerProcess } = await import("../../workers/worker-process.js");
      const worker = await startWorkerProcess(readConfig(environment), { queues });
      let stopping: Promise<void> | undefined;
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        process.on(signal, () => {
          if (stopping) process.exit(130);
          worker.logger.info(`${signal}: no more work is taken; what is under way may end`);
          stopping = worker.stop();
        });
      }
      await worker.ended;
      await stopping;
    });
}

function readQueues(text: string): readonly Queue[] {
  const words = text.split(",").map((word) => word.trim());
  const wrong = words.find((word) => !QUEUES.includes(word as Queue));
  if (wrong !== undefined) {
    throw new InvalidArgumentError(`${JSON.stringify(wrong)} is not a queue: there are ${QUEUES.join(" and ")}.`);
  }
  return [...new Set(words)] as Queue[];
}

import { startAgentWorker } from "./agent-worker.js";
import { plainModels } from "./plain-models.js";

/*
 * A process that only runs workflows, and tells on SIGHUP how much memory they hold. Needs --expose-gc.
 *
 *   WFLO_TASK_QUEUE   the queue; its activities are done elsewhere
 */
let measured = 0;
process.on("SIGHUP", () => {
  globalThis.gc?.();
  measured += 1;
  process.stdout.write(`measurement ${measured}: ${process.memoryUsage().heapUsed} bytes\n`);
});
const models = plainModels(() => ({ text: "nobody asks here" }));
const taskQueue = process.env.WFLO_TASK_QUEUE ?? "";
await startAgentWorker({ models, taskQueue, half: "workflows", sameThread: true });
process.stdout.write("the worker is polling\n");

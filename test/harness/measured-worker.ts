import { createFileObjectStore } from "../../adapters/file/object-store.js";
import { startAgentWorker } from "./agent-worker.js";
import { plainModels } from "./plain-models.js";

/*
 * A process that only runs workflows, and tells on SIGHUP how much memory they hold. Needs --expose-gc.
 *
 *   WFLO_TASK_QUEUE   the queue; its activities are done elsewhere
 *   WFLO_TEST_STORE   the folder of the store that both have
 */
let measured = 0;
process.on("SIGHUP", () => {
  globalThis.gc?.();
  measured += 1;
  process.stdout.write(`measurement ${measured}: ${process.memoryUsage().heapUsed} bytes\n`);
});
const models = plainModels(() => ({ text: "nobody asks here" }));
const taskQueue = process.env.WFLO_TASK_QUEUE ?? "";
const store = createFileObjectStore({ root: process.env.WFLO_TEST_STORE ?? "", durable: false });
const tools = [{ name: "look", timeoutMs: 600_000 }];
await startAgentWorker({ models, tools, taskQueue, store, half: "workflows", sameThread: true });
process.stdout.write("the worker is polling\n");

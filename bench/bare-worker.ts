import { fileURLToPath } from "node:url";
import { bundleWorkflowCode, NativeConnection, Worker } from "@temporalio/worker";
import { bareActivities } from "./bare-activities.js";

/** A worker process with nothing of Wflo in it. @env TEMPORAL_ADDRESS, BENCH_QUEUE */
const workflowsPath = fileURLToPath(new URL("./bare-workflow.ts", import.meta.url));
const connection = await NativeConnection.connect({ address: process.env.TEMPORAL_ADDRESS ?? "" });
const worker = await Worker.create({
  connection,
  taskQueue: process.env.BENCH_QUEUE ?? "bare",
  workflowBundle: await bundleWorkflowCode({ workflowsPath }),
  activities: { ...bareActivities },
  maxConcurrentActivityTaskExecutions: 200,
});
console.log("bare worker is polling");
await worker.run();
await connection.close();

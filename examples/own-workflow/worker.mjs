import { fileURLToPath } from "node:url";
import { NativeConnection, Worker } from "@temporalio/worker";

/** A worker of one's own: it runs `newsletter`; the agents that it calls run on Wflo's workers. */
const connection = await NativeConnection.connect({ address: process.env.TEMPORAL_ADDRESS ?? "127.0.0.1:7233" });
const worker = await Worker.create({
  connection,
  taskQueue: process.env.NEWSLETTER_QUEUE ?? "newsletter",
  workflowsPath: fileURLToPath(new URL("./workflows.mjs", import.meta.url)),
});
console.log("the newsletter worker is polling");
await worker.run();

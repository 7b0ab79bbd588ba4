import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Client, Connection } from "@temporalio/client";
import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from "@temporalio/worker";
import type { GateView } from "../../core/gate.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { buildWorkflowBundle } from "../../workers/workflow-bundle.js";
import { deferred } from "../harness/deferred.js";
import { temporalAddress } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";
import { plainHistory, typesOf } from "../harness/histories.js";
import type { letter } from "../harness/own-workflow.js";

Runtime.install({ logger: new DefaultLogger("ERROR") });

let connection: NativeConnection;
let client: Client;
let code: string;
beforeAll(async () => {
  connection = await NativeConnection.connect({ address: temporalAddress() });
  client = new Client({ connection: await Connection.connect({ address: temporalAddress() }) });
  code = await buildWorkflowBundle(join(packageRoot(), "test/harness/own-workflow.ts"));
});
afterAll(async () => {
  await client.connection.close();
  await connection.close();
});

/** Starts a worker; what comes back stops it. */
async function started(options: Omit<WorkerOptions, "connection">): Promise<() => Promise<void>> {
  const worker = await Worker.create({ connection, shutdownGraceTime: 0, ...options });
  const running = worker.run();
  return async () => {
    worker.shutdown();
    await running;
  };
}

test("a decision that comes in one task with what one's own workflow asks about is taken, another is unknown", async () => {
  const taskQueue = `test-${randomUUID()}`;
  const text = deferred<string>();
  const asked = deferred();
  const draft = async () => {
    asked.resolve();
    return await text.promise;
  };
  const stopActivities = await started({ taskQueue, activities: { draft } });
  const stopWorkflows = await started({ taskQueue, workflowBundle: { code } });
  const run = await client.workflow.start<typeof letter>("letter", { taskQueue, workflowId: `letter-${randomUUID()}` });
  await run.signal("approve", { gate: "g1", by: "ana" });
  await asked.promise;
  await stopWorkflows();
  text.resolve("Dear Ben");
  await eventually(async () => {
    const { events } = plainHistory(await run.fetchHistory(), { enums: String });
    expect(typesOf(events)).toContain("ACTIVITY_TASK_COMPLETED");
  });
  for (const gate of ["g7", "g2"]) await run.signal("approve", { gate, by: "ana" });
  const stopAgain = await started({ taskQueue, workflowBundle: { code } });
  expect(await run.result()).toMatchObject([{ state: "approved" }, { state: "approved", args: { text: "Dear Ben" } }]);
  const word = { gate: "g3", decision: "approve", by: "ana" };
  const late = await client.workflow.start<typeof letter>("letter", {
    taskQueue,
    workflowId: `letter-${randomUUID()}`,
  });
  await expect(late.executeUpdate<GateView, [object]>("decideApproval", { args: [word] })).rejects.toMatchObject({
    cause: { type: "Refused", message: "there is no gate g3; the gates are: g1", details: [{ reason: "unknown" }] },
  });
  await late.terminate();
  await stopAgain();
  await stopActivities();
});

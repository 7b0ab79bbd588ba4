import type { Client } from "@temporalio/client";
import type { Bench } from "./servers.js";

/** A heartbeat, a look at the history: neither is waited for longer than this. In milliseconds. */
const PATIENCE_MS = 60_000;

/** From `kill -9` of the worker that is in a model call, with another worker there, to the start of the next model call. */
export async function recoveryMs(bench: Bench, client: Client): Promise<number> {
  const first = await bench.startWfloWorker("first worker");
  const workflowId = `recovery-${crypto.randomUUID()}`;
  const input = { agent: "bench", input: "Wait.", model: "scripted/slow", budget: { limitUsd: "100" } };
  const handle = await client.workflow.start("agentRun", { taskQueue: "wflo", workflowId, args: [input] });
  await callStarted(client, workflowId, 1);
  const second = await bench.startWfloWorker("second worker");
  const killedAt = Date.now();
  await first.kill("SIGKILL");
  const startedAt = await callStarted(client, workflowId, 2);
  await handle.terminate();
  await second.kill("SIGTERM");
  return Math.round(startedAt - killedAt);
}

/** When the run's Nth model call was started by a worker, in epoch milliseconds. */
async function callStarted(client: Client, workflowId: string, count: number): Promise<number> {
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until) {
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    const pending = raw.pendingActivities?.find(({ activityType }) => activityType?.name === "callModel");
    const { events = [] } = await client.workflow.getHandle(workflowId).fetchHistory();
    const scheduled = (events ?? []).filter(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === "callModel",
    );
    if (scheduled.length >= count && pending?.lastStartedTime) {
      return Number(pending.lastStartedTime.seconds ?? 0) * 1_000 + (pending.lastStartedTime.nanos ?? 0) / 1e6;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`the run did not make its model call ${count}`);
}

/** From a `pause` in the middle of a model call to the run's word that it is paused, its call cut and on the books. */
export async function pauseMs(client: Client): Promise<number> {
  const workflowId = `pause-${crypto.randomUUID()}`;
  const input = { agent: "bench", input: "Wait.", model: "scripted/slow", budget: { limitUsd: "100" } };
  const handle = await client.workflow.start("agentRun", { taskQueue: "wflo", workflowId, args: [input] });
  await callStarted(client, workflowId, 1);
  const since = performance.now();
  await handle.signal("pause", { by: "bench" });
  for (;;) {
    const { state } = await handle.query<{ state: string }>("status");
    const { unconfirmedNanoUsd } = await handle.query<{ unconfirmedNanoUsd: number }>("budget");
    if (state === "paused" && unconfirmedNanoUsd > 0) break;
    if (performance.now() - since > PATIENCE_MS) throw new Error(`the run is ${state}, not paused`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await handle.terminate();
  return Math.round(performance.now() - since);
}

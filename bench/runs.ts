import type { Client } from "@temporalio/client";
import type { RunOnce } from "./measure.js";

/** Runs the agent `bench` with so many turns of one tool. @param taskQueue whose worker takes it */
export function agentRun(client: Client, tool: string, taskQueue = "wflo"): RunOnce {
  return async (turns) => {
    const workflowId = `wflo-${crypto.randomUUID()}`;
    const input = {
      agent: "bench",
      input: "Take notes.",
      model: `scripted/${tool}-${turns}`,
      maxTurns: turns + 1,
      limits: { toolCalls: 10 * turns },
      budget: { limitUsd: "100" },
    };
    const result = await client.workflow.execute("agentRun", { taskQueue, workflowId, args: [input] });
    if ((result as { turns: number }).turns !== turns) throw new Error(`the run took ${JSON.stringify(result)}`);
    return workflowId;
  };
}

/** Runs the bare workflow with so many turns. */
export function bareRun(client: Client): RunOnce {
  return async (turns) => {
    const workflowId = `bare-${crypto.randomUUID()}`;
    await client.workflow.execute("bareRun", { taskQueue: "bare", workflowId, args: [{ turns }] });
    return workflowId;
  };
}

import { condition, defineQuery, log, proxySinks, setHandler, workflowInfo } from "@temporalio/workflow";
import type { WfloSinks } from "../../core/sinks.js";

/** Workflow code that never comes back, each in another place. Answers would be wrong: none of them ends. */

function forever(): never {
  for (;;);
}

export async function atOnce(): Promise<void> {
  forever();
}

export async function afterAPromise(): Promise<void> {
  await Promise.resolve();
  forever();
}

export async function inACondition(): Promise<void> {
  let looks = 0;
  await condition(() => {
    looks += 1;
    return looks > 1 ? forever() : false;
  });
}

export async function afterACondition(): Promise<void> {
  let isReady = false;
  void Promise.resolve().then(() => {
    isReady = true;
  });
  await condition(() => isReady);
  forever();
}

const { wflo } = proxySinks<WfloSinks>();

/** Ends well, and tells the worker by a sink of ours and by a log line; a query of it loops. */
export async function tells(): Promise<string> {
  setHandler(defineQuery("loop"), forever);
  setHandler(defineQuery("fine"), () => "yes");
  wflo.runStarted({ agent: workflowInfo().workflowId });
  if (workflowInfo().workflowId.includes("logs")) log.info("a line of workflow code", { count: 3 });
  return "told";
}

import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  TimeoutFailure,
  workflowInfo,
} from "@temporalio/workflow";
import type { ToolCallRequest, ToolCallResult } from "../core/activity-contract.js";
import type { ToolPolicy } from "../core/agent.js";
import { formatDuration } from "../core/duration.js";
import { callTool, isQueueServed } from "./calls.js";
import { sandboxQueue } from "./names.js";
import type { Run } from "./run-context.js";
import { sayTools } from "./run-status.js";

/** After this long people are told that no sandbox worker has taken a call. In milliseconds. */
const TOLD_AFTER_MS = 30_000;

/** After this long a call that nobody takes fails its run, unless workers are there and only busy. In milliseconds. */
const PATIENCE_MS = 20 * TOLD_AFTER_MS;

/**
 * Calls a sandbox tool. What no worker takes has not begun, so it is called again whatever tool it is: first to tell
 * people, then for as long as workers ask the queue for work.
 * @throws ApplicationFailure `SandboxUnavailable`; whatever the call throws
 */
export async function callInSandbox(
  run: Run,
  tool: ToolPolicy,
  request: ToolCallRequest,
  summary: string,
): Promise<ToolCallResult> {
  const queue = sandboxQueue(workflowInfo().taskQueue);
  try {
    for (let told = false; ; told = true) {
      // Nobody is told of a search for what an attempt has left behind.
      const takenWithinMs = request.joinOnly ? PATIENCE_MS : told ? PATIENCE_MS - TOLD_AFTER_MS : TOLD_AFTER_MS;
      try {
        const { account } = run.input;
        return await callTool(tool, request, { summary, account, sandbox: { queue, takenWithinMs } });
      } catch (error) {
        if (request.joinOnly || !wasUntaken(error)) throw error;
        const isServed = await mayBeServed(queue);
        if (told && !isServed) throw unavailable(tool.name, queue);
        tell(run, request.callId, waiting(tool.name, queue, isServed));
      }
    }
  } finally {
    run.untaken = null;
  }
}

/** Where the server does not say, nobody is taken to be there. */
async function mayBeServed(queue: string): Promise<boolean> {
  try {
    return await isQueueServed(queue);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return false;
  }
}

function tell(run: Run, callId: string, text: string): void {
  run.untaken = { callId, text };
  sayTools(run);
}

function wasUntaken(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof TimeoutFailure && cause.timeoutType === "SCHEDULE_TO_START";
}

function waiting(tool: string, queue: string, isServed: boolean): string {
  const within = `${tool} was not taken within ${formatDuration(TOLD_AFTER_MS)} and waits`;
  return isServed ? `${within}: the sandbox workers of ${queue} are busy` : `${within}: ${remedy(queue)}`;
}

function unavailable(tool: string, queue: string): ApplicationFailure {
  const message = `${tool}: nobody took it within ${formatDuration(PATIENCE_MS)}: ${remedy(queue)}`;
  return ApplicationFailure.nonRetryable(message, "SandboxUnavailable");
}

function remedy(queue: string): string {
  return `no sandbox worker asks ${queue} for work; start one with \`wflo worker --queues sandbox\``;
}

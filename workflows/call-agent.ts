import { executeChild } from "@temporalio/workflow";
import { checkRunInput } from "../core/input.js";
import type { JsonObject } from "../core/json.js";
import { formatUsd, type NanoUsd, parseUsd, toNanoUsd } from "../core/money.js";
import type { RunResult } from "../core/run.js";
import { describeRun } from "../core/run-description.js";
import { AGENT_RUN } from "./names.js";
import type { Budget } from "./own-budget.js";

/** An agent run's input as CONTRACT has it; the run checks it and names every wrong field. */
export interface AgentCall extends JsonObject {
  readonly agent: string;
  readonly input: string;
}

export interface CallAgentOptions {
  /** Where Wflo's workers are. @default "wflo" */
  readonly taskQueue?: string;
  /** @default Temporal's own random id */
  readonly workflowId?: string;
  /**
   * Pays for the call. The call holds its own `budget.limitUsd`, or all that is left where it names none, and what it
   * does not use goes back.
   */
  readonly budget?: Budget;
}

/**
 * Runs an agent as a child of one's own workflow, and returns its result.
 * @throws ChildWorkflowFailure whose cause has the types of CONTRACT; ApplicationFailure `BudgetExhausted` where
 *   `options.budget` does not have what the call asks for
 * @example
 * const { output } = await callAgent({ agent: "assistant", input: "Sum up these figures: …" });
 */
export async function callAgent(call: AgentCall, options: CallAgentOptions = {}): Promise<RunResult> {
  const { taskQueue = "wflo", workflowId } = options;
  const child = { taskQueue, ...(workflowId === undefined ? {} : { workflowId }) };
  if (!options.budget) return await run(call, child);
  const amount = ownLimitOf(call) ?? options.budget.availableNanoUsd();
  const hold = options.budget.hold(amount, call.agent);
  const own = typeof call.budget === "object" ? (call.budget as JsonObject) : {};
  try {
    const result = await run({ ...call, budget: { ...own, limitUsd: formatUsd(amount) } }, child);
    hold.settle(toNanoUsd(result.cost.treeNanoUsd));
    return result;
  } catch (error) {
    hold.chargeInFull();
    throw error;
  }
}

async function run(call: AgentCall, child: { taskQueue: string; workflowId?: string }): Promise<RunResult> {
  const checked = checkRunInput(call);
  // What is wrong, the run says itself.
  const description = "input" in checked ? describeRun(checked.input) : {};
  const options = { ...child, ...description, args: [call] as [AgentCall] };
  return await executeChild<(input: AgentCall) => Promise<RunResult>>(AGENT_RUN, options);
}

/** The limit that the call names; a wrong one is left to the run, which names it. */
function ownLimitOf(call: AgentCall): NanoUsd | undefined {
  const { limitUsd } = (call.budget ?? {}) as { limitUsd?: unknown };
  const limit = limitUsd === undefined ? undefined : parseUsd(limitUsd);
  return typeof limit === "number" ? limit : undefined;
}

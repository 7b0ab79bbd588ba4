import { Script } from "node:vm";
import type { coresdk } from "@temporalio/proto";
import { ReusableVMWorkflow, ReusableVMWorkflowCreator } from "@temporalio/worker/lib/workflow/reusable-vm.js";
import type { SinkCall } from "@temporalio/workflow";

type Activation = coresdk.workflow_activation.IWorkflowActivation;
type Completion = coresdk.workflow_completion.IWorkflowActivationCompletion;

/** What comes back of an activation: with it, what its workflow told the worker (undefined: it is to be asked for). */
export type CarryingCompletion = Completion & { carried?: readonly SinkCall[] };

/** What the SDK keeps to itself of a workflow and of what makes them. */
interface WorkflowParts {
  readonly activator: {
    readonly info: { readonly runId: string };
    errorToFailure(error: unknown): coresdk.workflow_completion.IFailure["failure"] & object;
    sinkCalls: SinkCall[];
  };
}
interface CreatorParts {
  readonly isolateExecutionTimeoutMs: number;
}

const LIMITED = "wfloLimited";
const callLimited = new Script(`${LIMITED}()`);

/** Ends `work` with an error after this time, even where it loops: all of it that is synchronous, and promises within contexts. */
function withinTime<T>(timeoutMs: number, work: () => T): T {
  Reflect.set(globalThis, LIMITED, work);
  return callLimited.runInThisContext({ timeout: timeoutMs }) as T;
}

/**
 * Makes this thread limit the time of each activation once. The SDK limits each of its calls into workflow code, three or more
 * an activation, and each limit is a thread of the operating system with an event loop (docs/decisions/023).
 * What workflows tell the worker (metrics, spans) goes back with the activation too, in place of a message of its own.
 */
export function limitActivations(): void {
  const { createWorkflow } = ReusableVMWorkflowCreator.prototype;
  const { activate, dispose } = ReusableVMWorkflow.prototype;
  let timeoutMs: number;

  ReusableVMWorkflowCreator.prototype.createWorkflow = async function (this: ReusableVMWorkflowCreator, options) {
    timeoutMs = (this as unknown as CreatorParts).isolateExecutionTimeoutMs;
    const withoutLimits = Object.create(this, { isolateExecutionTimeoutMs: { value: undefined } });
    return await withinTime(timeoutMs, async () => await createWorkflow.call(withoutLimits, options));
  };
  ReusableVMWorkflow.prototype.activate = async function (this: ReusableVMWorkflow, activation: Activation) {
    const { activator } = this as unknown as WorkflowParts;
    const completion: CarryingCompletion = await activateWithin(timeoutMs, activator, () =>
      activate.call(this, activation),
    );
    const carried = carriedCalls(activator);
    if (carried) completion.carried = carried;
    return completion;
  };
  ReusableVMWorkflow.prototype.dispose = async function (this: ReusableVMWorkflow) {
    await withinTime(timeoutMs, async () => await dispose.call(this));
  };
}

async function activateWithin(
  timeoutMs: number,
  activator: WorkflowParts["activator"],
  work: () => Promise<Completion>,
): Promise<Completion> {
  try {
    return await withinTime(timeoutMs, work);
  } catch (error) {
    return { runId: activator.info.runId, failed: { failure: activator.errorToFailure(error) } };
  }
}

/** Calls of others, such as a log line's with whatever it is told, may hold what no message can: the SDK says so then. */
function carriedCalls(activator: WorkflowParts["activator"]): readonly SinkCall[] | undefined {
  const { sinkCalls } = activator;
  if (!sinkCalls.every(({ ifaceName }) => ifaceName === "wflo")) return undefined;
  activator.sinkCalls = [];
  return sinkCalls.map((call) => {
    const { now: _now, random: _random, ...unsafe } = call.workflowInfo.unsafe;
    return { ...call, workflowInfo: { ...call.workflowInfo, unsafe } } as SinkCall;
  });
}

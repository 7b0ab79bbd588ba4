import { Worker as Thread } from "node:worker_threads";
import type { coresdk } from "@temporalio/proto";
import { Worker } from "@temporalio/worker";
import {
  ThreadedVMWorkflowCreator,
  VMWorkflowThreadProxy,
  WorkerThreadClient,
} from "@temporalio/worker/lib/workflow/threaded-vm.js";
import type { SinkCall } from "@temporalio/workflow";
import { ownModule } from "./own-module.js";
import type { CarryingCompletion } from "./workflow-thread.js";

/** Temporal's worker with threads of ours (`workflow-thread.ts`). In the SDK's debug mode it is the SDK's in all. */
export class WorkflowWorker extends Worker {
  protected static override async createWorkflowCreator(
    ...[workflowBundle, options, logger]: Parameters<typeof Worker.createWorkflowCreator>
  ): ReturnType<typeof Worker.createWorkflowCreator> {
    if (options.debugMode || options.reuseV8Context === false) {
      return await Worker.createWorkflowCreator(workflowBundle, options, logger);
    }
    const { patchActivationCallback, isolateExecutionTimeoutMs } = options;
    const clients = Array.from(
      { length: options.workflowThreadPoolSize },
      () => new WorkerThreadClient(startThread(), logger, patchActivationCallback),
    );
    for (const client of clients) {
      await client.send({
        type: "init",
        workflowBundle,
        isolateExecutionTimeoutMs,
        reuseV8Context: true,
        registeredActivityNames: new Set(options.activities.keys()),
        hasPatchActivationCallback: patchActivationCallback !== undefined,
      });
    }
    return new Workflows(clients);
  }
}

function startThread(): Thread {
  const { modulePath, execArgv } = ownModule("workflow-thread-main");
  // Built, it inherits this process's flags, some of which can't be given to a thread.
  return new Thread(modulePath, modulePath.endsWith(".ts") ? { execArgv: [...execArgv] } : {});
}

class Workflows extends ThreadedVMWorkflowCreator {
  override async createWorkflow(options: Parameters<ThreadedVMWorkflowCreator["createWorkflow"]>[0]) {
    const byLoad = this.workerThreadClients.toSorted((a, b) => a.getActiveWorkflowCount() - b.getActiveWorkflowCount());
    return await WorkflowInThread.create(byLoad[0] as WorkerThreadClient, options);
  }
}

class WorkflowInThread extends VMWorkflowThreadProxy {
  private carried: readonly SinkCall[] | undefined;

  override async activate(activation: coresdk.workflow_activation.IWorkflowActivation) {
    const { carried, ...completion }: CarryingCompletion = await super.activate(activation);
    this.carried = carried;
    return completion;
  }

  override async getAndResetSinkCalls(): Promise<SinkCall[]> {
    const { carried } = this;
    this.carried = undefined;
    return carried ? [...carried] : await super.getAndResetSinkCalls();
  }
}

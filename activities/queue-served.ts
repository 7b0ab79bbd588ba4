import type { Context } from "@temporalio/activity";

/** `TASK_QUEUE_TYPE_ACTIVITY` of Temporal's API. */
const ACTIVITIES = 2;

/** Whether any worker has asked a queue for activities lately: the server remembers that for some minutes. */
export async function isQueueServed({ client, info }: Context, queue: string): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: info.workflowNamespace ?? "default",
    taskQueue: { name: queue },
    taskQueueType: ACTIVITIES,
  });
  return pollers.length > 0;
}

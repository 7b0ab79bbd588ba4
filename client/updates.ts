import { randomUUID } from "node:crypto";
import type { WorkflowHandle } from "@temporalio/client";
import type { Temporal } from "./temporal.js";
import { wasForgotten } from "./temporal-errors.js";

/** So often an update that the server forgot is sent again. */
const SENT_AGAIN = 20;

/** Sends updates to a workflow, each until it is answered. */
export function createUpdates(
  temporal: Temporal,
  handle: WorkflowHandle,
): <T>(name: string, payload: object) => Promise<T> {
  const { workflowId } = handle;
  return async <T>(name: string, payload: object): Promise<T> => {
    // Every attempt at the same call is the same update: it counts once.
    const options = { args: [payload] as [object], updateId: randomUUID() };
    const make = async () => await handle.executeUpdate<T, [object]>(name, options);
    for (let again = 0; ; again += 1) {
      try {
        return await temporal.call(make, { workflowId, needsWorker: true });
      } catch (error) {
        if (again === SENT_AGAIN || !wasForgotten(error)) throw error;
      }
    }
  };
}

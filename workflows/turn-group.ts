import { createEventGroup } from "@temporalio/workflow";

/**
 * Does a turn's work so that Temporal's tools show its steps as one group: model call, tools, timers of gates. Replay does
 * not look at groups; a server before 1.32 drops them.
 */
export async function inTurn<T>(turn: number, work: () => Promise<T>): Promise<T> {
  // An id of its own: the SDK's would be a digest, twice as long on each command.
  return await createEventGroup(`turn ${turn}`, { id: `turn-${turn}` }).withScope(work);
}

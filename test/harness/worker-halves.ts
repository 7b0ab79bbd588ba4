import { randomUUID } from "node:crypto";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import { startAgentWorker, type TestWorld } from "./agent-worker.js";

/** A worker in two halves, of which the one for workflows can rest. */
export async function startHalves(world: TestWorld) {
  const shared = { store: createMemoryObjectStore(), taskQueue: `test-${randomUUID()}`, ...world };
  const activities = await startAgentWorker({ ...shared, half: "activities" });
  let workflows = await startAgentWorker({ ...shared, half: "workflows" });
  return {
    ...activities,
    /** Does something while no workflow moves: what reaches a run meanwhile is in its next task together. */
    async inOneTask<T>(meanwhile: () => Promise<T>): Promise<T> {
      await workflows.stop();
      const done = await meanwhile();
      workflows = await startAgentWorker({ ...shared, half: "workflows" });
      return done;
    },
    async stop() {
      await workflows.stop();
      await activities.stop();
    },
  };
}

export type WorkerHalves = Awaited<ReturnType<typeof startHalves>>;

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { History } from "../../client/temporal.js";
import { describeWith } from "../harness/real-part.js";
import { type WorkerProcesses, workerProcesses } from "../harness/worker-processes.js";

describeWith("bubblewrap", () => {
  let workers: WorkerProcesses;
  beforeAll(async () => {
    workers = await workerProcesses({ environment: { WFLO_SANDBOX: "bubblewrap", WFLO_SANDBOX_CONCURRENCY: "1" } });
    const toolCalls = [1, 2, 3].map(() => ({ name: "python", args: { code: "import time; time.sleep(0.3)" } }));
    const turns = [{ text: "", toolCalls }, { text: "done" }];
    await writeFile(join(workers.folder, "three.json"), JSON.stringify({ turns }));
    await workers.startWorker();
  });
  afterAll(async () => {
    await workers.stop();
  });

  test("a worker for one execution at a time takes the next one when that has ended", async () => {
    const run = await workers.startRun({
      agent: "analyst",
      input: "Add.",
      model: `scripted/${join(workers.folder, "three")}`,
    });
    await run.result();
    const executions = executionsOf((await run.fetchHistory()).events ?? []);
    expect(executions).toHaveLength(3);
    for (const [index, { began }] of executions.entries()) {
      if (index > 0) expect(began).toBeGreaterThanOrEqual(executions[index - 1]?.ended ?? Infinity);
    }
  });
});

/** When code began to run and had run, by the server's clock: in the order of their beginnings. */
function executionsOf(events: NonNullable<History["events"]>) {
  const msOf = ({ eventTime }: (typeof events)[number]) =>
    Number(eventTime?.seconds) * 1_000 + Number(eventTime?.nanos) / 1_000_000;
  const asked = events.filter(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === "tool.python",
  );
  return asked
    .map(({ eventId }) => {
      const of = (id: unknown) => String(id) === String(eventId);
      const began = events.find(({ activityTaskStartedEventAttributes: one }) => one && of(one.scheduledEventId));
      const ended = events.find(({ activityTaskCompletedEventAttributes: one }) => one && of(one.scheduledEventId));
      if (!(began && ended)) throw new Error(`the execution that event ${String(eventId)} asks for has no end`);
      return { began: msOf(began), ended: msOf(ended) };
    })
    .toSorted((one, other) => one.began - other.began);
}

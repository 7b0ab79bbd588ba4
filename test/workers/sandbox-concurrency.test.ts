import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { History } from "../../client/temporal.js";
import { describeWith } from "../harness/real-part.js";
import { type WorkerProcesses, workerProcesses } from "../harness/worker-processes.js";

/** A worker's place may be free before the server has heard of the end, but never for half of an execution. */
const EXECUTION_MS = 500;

describeWith("bubblewrap", () => {
  let workers: WorkerProcesses;
  beforeAll(async () => {
    workers = await workerProcesses({ environment: { WFLO_SANDBOX: "bubblewrap", WFLO_SANDBOX_CONCURRENCY: "1" } });
    const toolCalls = [{ name: "python", args: { code: `import time; time.sleep(${EXECUTION_MS / 1_000})` } }];
    const turns = [{ text: "", toolCalls }, { text: "done" }];
    await writeFile(join(workers.folder, "sleep.json"), JSON.stringify({ turns }));
    await workers.startWorker();
  });
  afterAll(async () => {
    await workers.stop();
  });

  test("a worker for one execution at a time takes the next one when that has ended", async () => {
    // Of one run they follow each other anyway: they share its workspace.
    const input = { agent: "analyst", input: "Add.", model: `scripted/${join(workers.folder, "sleep")}` };
    const runs = await Promise.all([1, 2, 3].map(async () => await workers.startRun(input)));
    const histories = await Promise.all(
      runs.map(async (run) => {
        await run.result();
        return (await run.fetchHistory()).events ?? [];
      }),
    );
    const executions = histories.flatMap(executionsOf).toSorted((one, other) => one.began - other.began);
    expect(executions).toHaveLength(3);
    for (const [index, { began }] of executions.entries()) {
      if (index > 0) expect(began).toBeGreaterThan((executions[index - 1]?.ended ?? Infinity) - EXECUTION_MS / 2);
    }
  });
});

/** When code began to run and had run, by the server's clock. */
function executionsOf(events: NonNullable<History["events"]>) {
  const msOf = ({ eventTime }: (typeof events)[number]) =>
    Number(eventTime?.seconds) * 1_000 + Number(eventTime?.nanos) / 1_000_000;
  const asked = events.filter(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === "tool.python",
  );
  return asked.map(({ eventId }) => {
    const of = (id: unknown) => String(id) === String(eventId);
    const began = events.find(({ activityTaskStartedEventAttributes: one }) => one && of(one.scheduledEventId));
    const ended = events.find(({ activityTaskCompletedEventAttributes: one }) => one && of(one.scheduledEventId));
    if (!(began && ended)) throw new Error(`the execution that event ${String(eventId)} asks for has no end`);
    return { began: msOf(began), ended: msOf(ended) };
  });
}

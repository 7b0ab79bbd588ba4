import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { createFileObjectStore } from "../../adapters/file/object-store.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { deferred } from "../harness/deferred.js";
import { temporalAddress, workflowBundlePath } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";
import { temporaryFolders } from "../harness/folder.js";
import { plainModels } from "../harness/plain-models.js";
import { type StartedProcess, startProcess } from "../harness/processes.js";

/*
 * A history is in memory until the run goes on in a new one: what a turn leaves behind there is multiplied by hundreds of
 * turns and runs. What is carried into a new history is looked at in constant-turn-size.test.ts.
 */

const newFolder = temporaryFolders();

let activities: AgentWorker | undefined;
let workflows: StartedProcess | undefined;
afterEach(async () => {
  await workflows?.stop("SIGKILL");
  await activities?.stop();
});

const RUNS = 4;
const EARLY = 25;
const LATE = 275;
const OUTPUT_BYTES = 4_000;

/** What all runs hold now, by the process that has them in memory. */
async function measure(workflowProcess: StartedProcess, measurement: number): Promise<number> {
  workflowProcess.child.kill("SIGHUP");
  const line = await workflowProcess.line(new RegExp(`^measurement ${measurement}: `));
  return Number(/: (\d+) bytes/.exec(line)?.[1]);
}

test("1,000 turns that pass 4 MB of results on leave less than these behind, in four runs that are in memory all the while", async () => {
  const taskQueue = `test-${randomUUID()}`;
  const models = plainModels(({ turn }) =>
    turn > LATE ? { text: "done" } : { toolCalls: [{ id: `c${turn}`, name: "look", args: { turn } }] },
  );
  const parked = new Map([EARLY, LATE].map((turn) => [turn, { runs: 0, released: deferred() }]));
  const look = async (_: object, { turn }: { readonly turn: number }) => {
    const at = parked.get(turn);
    if (at) at.runs += 1;
    await at?.released.promise;
    return "x".repeat(OUTPUT_BYTES);
  };
  const tools = [{ name: "look", execute: look, timeoutMs: 600_000 }];
  const folder = await newFolder();
  const store = createFileObjectStore({ root: folder, durable: false });
  activities = await startAgentWorker({ models, tools, taskQueue, store, half: "activities" });
  const root = packageRoot();
  workflows = await startProcess({
    command: process.execPath,
    args: [
      "--expose-gc",
      "--import",
      join(root, "scripts/typescript.mjs"),
      join(root, "test/harness/measured-worker.ts"),
    ],
    env: {
      PATH: process.env.PATH,
      TEMPORAL_ADDRESS: temporalAddress(),
      WFLO_TEST_BUNDLE: workflowBundlePath(),
      WFLO_TASK_QUEUE: taskQueue,
      WFLO_TEST_STORE: folder,
    },
    ready: /^the worker is polling/,
  });
  const runs = [];
  for (let run = 0; run < RUNS; run += 1)
    runs.push(await activities.start({ agent: "tester", input: "go", maxTurns: 2 * LATE }));
  const measured: number[] = [];
  for (const [turn, at] of parked) {
    await eventually(() => expect([turn, at.runs]).toEqual([turn, RUNS]), { withinMs: 90_000 });
    measured.push(await measure(workflows, measured.length + 1));
    at.released.resolve();
  }
  for (const run of runs) expect(await run.result()).toMatchObject({ status: "completed", turns: LATE + 1 });
  const [early = 0, late = Number.POSITIVE_INFINITY] = measured;
  expect(late - early).toBeLessThan(RUNS * (LATE - EARLY) * OUTPUT_BYTES);
}, 300_000);

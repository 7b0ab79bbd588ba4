import { afterEach, expect, test } from "@jest/globals";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { changedBundles } from "../harness/changed-bundle.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

/* Workers load workflow code with shortcuts for what the SDK does for every promise (workers/workflow-code.ts). */

const bundleOf = changedBundles();
let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

test("a rejection that nobody handles fails the task of its own workflow, and no other's", async () => {
  const workflowBundlePath = await bundleOf({
    file: "workflows/agent-run.ts",
    from: "  listen(run);",
    to: '  listen(run);\n  if (run.input.labels.team === "broken") void Promise.reject(new Error("nobody looked"));',
  });
  worker = await startAgentWorker({ models: plainModels(() => ({ text: "done" })), workflowBundlePath });
  const broken = await worker.start({ agent: "tester", input: "go", labels: { team: "broken" } });
  const sound = await worker.start({ agent: "tester", input: "go" });
  expect(await sound.result()).toMatchObject({ status: "completed" });
  await eventually(async () => {
    const { events } = await broken.fetchHistory();
    const failures = (events ?? []).flatMap(({ workflowTaskFailedEventAttributes: failed }) => failed?.failure ?? []);
    expect(failures[0]?.message).toContain("Unhandled Promise rejection: Error: nobody looked");
  });
  await broken.terminate();
});

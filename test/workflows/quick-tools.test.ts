import { afterEach, expect, test } from "@jest/globals";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import { type AgentWorker, startAgentWorker, type TestTool } from "../harness/agent-worker.js";
import { createCountingStore } from "../harness/counting-store.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

/* What a tool leaves in the journal: the result of one that may be repeated is as good done again, as long as it is quick. */

let worker: AgentWorker | undefined;
let store = createCountingStore(createMemoryObjectStore());

/** Works until the journal has heard of it. */
async function untilNoticed(): Promise<string> {
  const started = async () => (await store.list("journal/")).filter((key) => key.includes(".start-"));
  await eventually(async () => expect(await started()).toHaveLength(2));
  return "seen";
}

afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

test.each<[string, Partial<TestTool>, boolean]>([
  ["a quick tool that may be repeated leaves nothing", { repeatable: true }, false],
  ["one that takes longer is remembered", { repeatable: true, execute: async () => await untilNoticed() }, true],
  ["so is one that must not be repeated", { repeatable: false }, true],
  ["and one that costs something", { repeatable: true, maxCostNanoUsd: 5 as never }, true],
  ["and one that holds a resource", { repeatable: true, resource: () => "crm" }, true],
])("%s", async (_, tool, isKept) => {
  const models = plainModels(({ turn }) =>
    turn === 1 ? { toolCalls: [{ id: "c", name: "look", args: {} }] } : { text: "done" },
  );
  store = createCountingStore(createMemoryObjectStore());
  const tools = [{ name: "look", execute: async () => "seen", ...tool }];
  worker = await startAgentWorker({ models, tools, store });
  const run = await worker.start({ agent: "tester", input: "go", budget: { limitUsd: "1" } });
  expect(await run.result()).toMatchObject({ status: "completed", output: "done" });
  const ofTool = (await store.list("journal/")).filter((key) => key.endsWith(".answer"));
  // Two answers of the model, and the tool's where it is kept.
  expect(ofTool).toHaveLength(isKept ? 3 : 2);
});

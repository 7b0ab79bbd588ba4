import { afterEach, expect, test } from "@jest/globals";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

const offer = (name: string, models: readonly string[]) => ({ name, instructions: "", models, tools: [] });

test("of an agent's own models those that can be called here are used; of a run's, all must be there", async () => {
  worker = await startAgentWorker({
    models: plainModels(({ model }) => ({ text: model })),
    agents: [offer("several", ["keyless/a", "plain/b"]), offer("none", ["keyless/a", "keyless/c"])],
  });
  const some = await worker.start({ agent: "several", input: "x" });
  expect(await some.result()).toMatchObject({ status: "completed", output: "plain/b" });
  const none = await worker.start({ agent: "none", input: "x" });
  const both = { type: "UnknownModel", message: "no provider for keyless/a; no provider for keyless/c" };
  await expect(none.result()).rejects.toMatchObject({ cause: both });
  const named = await worker.start({ agent: "several", input: "x", models: ["plain/b", "keyless/a"] });
  await expect(named.result()).rejects.toMatchObject({ cause: { type: "UnknownModel" } });
});

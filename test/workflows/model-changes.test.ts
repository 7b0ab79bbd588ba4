import { afterEach, expect, test } from "@jest/globals";
import { createPrometheusMeters } from "../../adapters/prometheus/meters.js";
import { picoPerToken } from "../../core/pricing.js";
import { ModelCallFailed } from "../../ports/models.js";
import { workflowSinks } from "../../workers/workflow-sinks.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

test("going on with another model is counted, with why: it was unavailable, or the money ran short", async () => {
  const plain = plainModels(({ model }) => {
    if (model === "plain/down") throw new ModelCallFailed("down", { kind: "never", billed: "none" });
    return { text: "done" };
  });
  const dear = { rates: { input: picoPerToken(100), output: picoPerToken(100) } };
  const models = {
    ...plain,
    facts: async (model: string, at: Date) => {
      const facts = await plain.facts(model, at);
      return model === "plain/dear" ? { ...facts, price: dear } : facts;
    },
  };
  const meters = createPrometheusMeters();
  worker = await startAgentWorker({ models, sinks: workflowSinks(meters) });
  const input = { agent: "tester", input: "go", budget: { limitUsd: "0.01", onExhausted: "degrade" } };
  for (const first of ["plain/down", "plain/dear"]) {
    const run = await worker.start({ ...input, models: [first, "plain/one"] });
    expect(await run.result()).toMatchObject({ status: "completed", output: "done" });
  }
  const { text } = await meters.render();
  const counted = text.split("\n").filter((line) => line.startsWith("wflo_model_changes_total{"));
  expect(counted.sort()).toEqual([
    'wflo_model_changes_total{from="plain/dear",to="plain/one",why="budget"} 1',
    'wflo_model_changes_total{from="plain/down",to="plain/one",why="unavailable"} 1',
  ]);
});

import { afterEach, expect, test } from "@jest/globals";
import { withCircuitBreaker } from "../../adapters/models/circuit-breaker.js";
import { ModelCallFailed, type Models } from "../../ports/models.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

const silent = { count: () => {}, observe: () => {}, set: () => {} };

test("runs go on with their next model at once while a provider is down, and tell so", async () => {
  const plain = plainModels(({ model }) => {
    if (model === "plain/up") return { text: "still here" };
    throw new ModelCallFailed("503 from a proxy", { kind: "retry", billed: "none", status: 503 });
  });
  // Two providers over one function: what stands before the slash tells them apart.
  const named: Models = {
    ...plain,
    facts: async (model, at) => ({ ...(await plain.facts("plain/one", at)), bookedAs: model }),
    call: async (request, options) =>
      await plain.call({ ...request, model: request.model === "up/one" ? "plain/up" : "plain/down" }, options),
  };
  worker = await startAgentWorker({ models: withCircuitBreaker(named, { meters: silent }) });
  const input = { agent: "tester", input: "hello", models: ["down/one", "up/one"], budget: { limitUsd: "0.01" } };
  // The first runs find out, each with its own tries; from then on nobody asks.
  for (const _ of [1, 2]) expect(await (await worker.start(input)).result()).toMatchObject({ output: "still here" });
  const asked = plain.requests.filter(({ model }) => model === "plain/down").length;
  const later = await worker.start(input);
  expect(await later.result()).toMatchObject({ output: "still here", cost: { nanoUsd: 1_100_000 } });
  expect(plain.requests.filter(({ model }) => model === "plain/down")).toHaveLength(asked);
  const told = worker.published
    .filter(({ key, topic }) => key === later.workflowId && topic === "wflo.events")
    .map(({ value }) => JSON.parse(value) as { data: object });
  const data = { outcome: "fell back", to: "up/one", why: expect.stringContaining("left alone") };
  expect(told).toContainEqual(expect.objectContaining({ data: expect.objectContaining(data) }));
}, 60_000);

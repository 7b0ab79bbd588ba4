import { afterEach, describe, expect, test } from "@jest/globals";
import { ModelCallFailed, type ModelFailureKind } from "../../ports/models.js";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

async function start(world: TestWorld, input: object = {}) {
  worker = await startAgentWorker(world);
  return await worker.start({ agent: "tester", input: "go", budget: { limitUsd: "1" }, ...input });
}

const failing = (kind: ModelFailureKind, message = "the provider says no") =>
  plainModels(({ model }) => {
    if (model === "plain/two") return { text: "from the second model" };
    throw new ModelCallFailed(message, { kind, billed: "none" });
  });

describe("a provider that refuses for good", () => {
  const kinds: [ModelFailureKind, string][] = [
    ["never", "ModelRefused"],
    ["context", "ContextTooLong"],
    ["unknown-model", "UnknownModel"],
  ];

  test.each(kinds)("(%s) fails the run with %s and its own words, asked once and not charged", async (kind, type) => {
    const models = failing(kind);
    const run = await start({ models });
    await expect(run.result()).rejects.toMatchObject({ cause: { type, message: "the provider says no" } });
    expect(models.requests).toHaveLength(1);
    expect(await run.query("budget")).toMatchObject({ spentNanoUsd: 0, unconfirmedNanoUsd: 0, reservedNanoUsd: 0 });
  });

  test.each(kinds)("(%s, %s) is followed by the next model of the list", async (kind) => {
    const run = await start({ models: failing(kind) }, { models: ["plain/one", "plain/two"] });
    expect(await run.result()).toMatchObject({ status: "completed", output: "from the second model" });
  });

  test("with a page of 100,000 characters says the beginning of it", async () => {
    const run = await start({ models: failing("never", "<html>".repeat(20_000)) });
    const message = expect.stringMatching(/^<html>.{1,2100}$/);
    await expect(run.result()).rejects.toMatchObject({ cause: { type: "ModelRefused", message } });
  });
});

test("a provider that stays away is left for the next model after some tries, none of them charged", async () => {
  const models = plainModels(({ model }) => {
    if (model === "plain/two") return { text: "from the second model" };
    throw new ModelCallFailed("503", { kind: "retry", billed: "none", status: 503, retryAfterMs: 10 });
  });
  const run = await start({ models }, { models: ["plain/one", "plain/two"] });
  expect(await run.result()).toMatchObject({ output: "from the second model", cost: { nanoUsd: 1_100_000 } });
  expect(models.requests.filter(({ model }) => model === "plain/one")).toHaveLength(4);
});

test("an answer that the provider's filter has cut fails the run, and is paid for", async () => {
  const run = await start({ models: plainModels(() => ({ text: "", finishReason: "content-filter" })) });
  await expect(run.result()).rejects.toMatchObject({ cause: { type: "ModelRefused" } });
  expect(await run.query("budget")).toMatchObject({ spentNanoUsd: 1_100_000 });
});

test("an answer without usage is charged by its bytes, from above, as unconfirmed", async () => {
  const models = plainModels(() => ({ text: "x".repeat(100), usage: undefined as never }));
  const run = await start({ models: { ...models, knownBound: async () => undefined } });
  const { cost } = await run.result();
  expect(cost).toMatchObject({ confirmedNanoUsd: 0 });
  expect(cost.unconfirmedNanoUsd).toBeGreaterThan(100_000);
});

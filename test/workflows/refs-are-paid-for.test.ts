import { afterEach, expect, test } from "@jest/globals";
import { NO_USAGE } from "../../core/usage.js";
import type { ModelRequest } from "../../ports/models.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

/*
 * A large text travels as the address of its blob, and a model reads all of it: so all of it has to be paid for. A token
 * costs $0.000001 here, and the provider counts one for four bytes.
 */

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

function countingModels() {
  const counted = ({ messages }: ModelRequest) => Math.ceil(JSON.stringify(messages).length / 4);
  const models = plainModels((request) => ({
    text: "read",
    usage: { ...NO_USAGE, inputTokens: counted(request), outputTokens: 10 },
  }));
  return { ...models, knownBound: async () => undefined };
}

test("an input that is a blob is reserved for in full: where that is not paid for, nothing is sent", async () => {
  const models = countingModels();
  worker = await startAgentWorker({ models });
  const { ref } = await worker.blobs.put("long ".repeat(200_000));
  const run = await worker.start({ agent: "tester", input: { ref }, budget: { limitUsd: "0.20" } });
  expect(await run.result()).toMatchObject({ status: "budget_exhausted", turns: 0, cost: { nanoUsd: 0 } });
  expect(models.requests).toHaveLength(0);
});

test("an input that is a blob is sent where it is paid for, and costs no more than was reserved", async () => {
  worker = await startAgentWorker({ models: countingModels() });
  const { ref } = await worker.blobs.put("long ".repeat(200_000));
  const run = await worker.start({ agent: "tester", input: { ref }, budget: { limitUsd: "1.20" } });
  expect(await run.result()).toMatchObject({ status: "completed", output: "read", cost: { unconfirmedNanoUsd: 0 } });
  const { entries } = await run.query<{ entries: { kind: string; nanoUsd: number }[] }>("budget");
  const [reserved, settled] = entries.map(({ nanoUsd }) => nanoUsd);
  expect(settled).toBeGreaterThan(250_000_000);
  expect(reserved).toBeGreaterThan(settled!);
});

test("a message that is a blob is reserved for in full, also behind a first answer", async () => {
  const models = countingModels();
  worker = await startAgentWorker({ models });
  const { ref } = await worker.blobs.put("long ".repeat(200_000));
  const run = await worker.start({
    agent: "tester",
    input: "wait",
    budget: { limitUsd: "0.10", onExhausted: "pause" },
  });
  await run.signal("message", { text: { ref }, by: "ana" });
  await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "awaiting_budget" }));
  expect(models.requests.length).toBeLessThanOrEqual(1);
  await run.signal("budgetCheck", { addUsd: "1.20", by: "ana" });
  expect(await run.result()).toMatchObject({ status: "completed" });
  expect(models.requests.at(-1)?.messages.some(({ text }) => text === "long ".repeat(200_000))).toBe(true);
});

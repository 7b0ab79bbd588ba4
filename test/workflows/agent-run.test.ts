import { afterEach, expect, test } from "@jest/globals";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

async function start(world: TestWorld): Promise<AgentWorker> {
  worker = await startAgentWorker(world);
  return worker;
}

test("a run answers, and its cost is what the provider counted at the model's price", async () => {
  const models = plainModels(() => ({ text: "42" }));
  const { start: run } = await start({ models });
  const result = await (await run({ agent: "tester", input: "What is six times seven?" })).result();
  expect(result).toMatchObject({
    status: "completed",
    output: "42",
    turns: 1,
    cost: { usd: "0.0011", nanoUsd: 1_100_000 },
  });
  expect(models.requests).toHaveLength(1);
});

test("tool calls of a turn run side by side, and their results reach the model", async () => {
  const models = plainModels(({ turn }) =>
    turn === 1
      ? {
          toolCalls: [
            { id: "a", name: "double", args: { n: 2 } },
            { id: "b", name: "double", args: { n: 5 } },
          ],
        }
      : { text: "4 and 10" },
  );
  const double = { name: "double", execute: async (args: { n?: unknown }) => ({ twice: Number(args.n) * 2 }) };
  const { start: run } = await start({ models, tools: [double] });
  const result = await (await run({ agent: "tester", input: "double 2 and 5" })).result();
  expect(result).toMatchObject({ status: "completed", output: "4 and 10", turns: 2 });
  expect(models.requests[1]?.messages.at(-1)?.toolResults).toEqual([
    { id: "a", name: "double", result: { twice: 4 } },
    { id: "b", name: "double", result: { twice: 10 } },
  ]);
});

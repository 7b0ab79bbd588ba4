import { afterEach, describe, expect, test } from "@jest/globals";
import type { JsonObject } from "../../core/json.js";
import type { ToolResult } from "../../core/transcript.js";
import type { AskedToolCall } from "../../ports/models.js";
import { type AgentWorker, startAgentWorker, type TestTool } from "../harness/agent-worker.js";
import { historiesOf, typesOf } from "../harness/histories.js";
import { plainModels } from "../harness/plain-models.js";

/* Whatever a model writes goes back to it as an error that it can mend: it is counted, and neither fatal nor for ever. */

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

const double: TestTool = {
  name: "double",
  inputSchema: { type: "object", properties: { n: { type: "number" } }, required: ["n"] },
  execute: async ({ n }) => Number(n) * 2,
};

/** Runs one turn with these tool calls; what the model saw of them afterwards. */
async function resultsOf(toolCalls: readonly AskedToolCall[], tools: readonly TestTool[] = [double]) {
  const models = plainModels(({ turn }) => (turn === 1 ? { toolCalls } : { text: "mended" }));
  worker = await startAgentWorker({ models, tools });
  const run = await worker.start({ agent: "tester", input: "go" });
  expect(await run.result()).toMatchObject({ status: "completed", output: "mended", turns: 2 });
  const histories = await historiesOf(worker.client, run.workflowId, run.firstExecutionRunId);
  expect(histories.flatMap(({ events }) => typesOf(events))).not.toContain("WORKFLOW_TASK_FAILED");
  const [asked, answered] = models.requests[1]?.messages.slice(-2) ?? [];
  const results: readonly ToolResult[] = answered?.toolResults ?? [];
  expect(results.map(({ id, name }) => ({ id, name }))).toEqual(
    asked?.toolCalls?.map(({ id, name }) => ({ id, name })),
  );
  return results;
}

describe("a tool call", () => {
  test.each<[string, Omit<AskedToolCall, "id">, unknown]>([
    ["of an unknown tool", { name: "triple", args: { n: 1 } }, 'there is no tool "triple"; the tools are double'],
    [
      "with arguments that do not fit",
      { name: "double", args: { n: "two" } },
      "the arguments do not fit: /n must be number",
    ],
    [
      "with arguments that are no JSON",
      { name: "double", raw: '{"n": 2' },
      'the arguments are not a JSON object: {"n": 2',
    ],
    [
      "with arguments that are nested without end",
      { name: "double", args: { n: 1, deep: JSON.parse(`${"[".repeat(9_000)}${"]".repeat(9_000)}`) } },
      "the arguments cannot be carried: the JSON is nested deeper than 64 levels",
    ],
    [
      "with a name of odd characters",
      { name: "dou ble!\n🙂", args: {} },
      expect.stringContaining('there is no tool "dou ble!'),
    ],
    ["with a name of 10,000 characters", { name: "x".repeat(10_000), args: {} }, expect.stringMatching(/^.{0,200}$/)],
    ["without a name", { name: "", args: {} }, expect.stringContaining('there is no tool ""')],
  ])("%s goes back to the model", async (_, call, error) => {
    const [result] = await resultsOf([{ id: "c1", ...call }]);
    expect(result).toEqual({ id: "c1", name: expect.stringMatching(/^[A-Za-z0-9_-]{1,64}$/), error });
  });

  test("that fails gives its words to the model, and no more of them than one reads", async () => {
    const failing = (message: string) => ({
      name: `fails_${message.length}`,
      execute: async () => await Promise.reject(new Error(message)),
    });
    const tools = [failing("no such customer"), failing("x".repeat(100_000))];
    const results = await resultsOf(
      tools.map(({ name }) => ({ id: name, name, args: {} })),
      tools,
    );
    expect(results[0]?.error).toBe("no such customer");
    expect(results[1]?.error?.length).toBeLessThan(5_000);
  });
});

describe("tool calls of one answer", () => {
  test("with the same id, no id or an id that no provider takes back each have their own result", async () => {
    const calls = ["same", "same", "same", "", "odd id 🙂", "x".repeat(300)].map((id, n) => ({
      id,
      name: "double",
      args: { n },
    }));
    const results = await resultsOf(calls);
    expect(results.map(({ result }) => result)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(new Set(results.map(({ id }) => id)).size).toBe(6);
    expect(results.map(({ id }) => id).every((id) => /^[\w.:-]{1,64}$/.test(id))).toBe(true);
  });

  test("that look like an address of Wflo's reach the tool as they are, and nothing else is read for them", async () => {
    const seen: JsonObject[] = [];
    const look = {
      name: "look",
      execute: async (args: JsonObject) => {
        seen.push(args);
        return args;
      },
    };
    const args = { ref: `sha256:${"a".repeat(64)}` };
    const [result] = await resultsOf([{ id: "c", name: "look", args }], [look]);
    expect(seen).toEqual([args]);
    expect(result).toMatchObject({ result: { preview: JSON.stringify(args) } });
  });

  test("beyond 256 are dropped, and the answer says so", async () => {
    const calls = Array.from({ length: 300 }, (_, n) => ({ id: `c${n}`, name: "double", args: { n } }));
    const local = { ...double, kind: "local" as const };
    const results = await resultsOf(calls, [local]);
    expect(results).toHaveLength(256);
    expect(results.at(-1)?.result).toBe(510);
    const { transcript } = (await (worker as AgentWorker).client.workflow
      .getHandle((await latestRun()).workflowId)
      .result()) as { transcript: never };
    const [, answer] = await (worker as AgentWorker).transcripts.load(transcript);
    expect(answer?.text).toContain("44 more tool calls of this answer were dropped; at most 256 run in one turn");
  });
});

async function latestRun() {
  const { client, taskQueue } = worker as AgentWorker;
  for await (const run of client.workflow.list({ query: `TaskQueue = "${taskQueue}"` })) return run;
  throw new Error("there is a run");
}

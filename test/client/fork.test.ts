import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { connect, type StartedRun, type WfloClient } from "../../client/index.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { temporalAddress } from "../harness/environment.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker;
let client: WfloClient;
let first: StartedRun;
const models = plainModels(({ messages }) => {
  const said = messages.findLast(({ role }) => role === "user")?.text;
  if (messages.at(-1)?.role === "tool" || said !== "look") return { text: `heard ${messages.length}` };
  return { toolCalls: [{ id: "c1", name: "look", args: {} }] };
});

beforeEach(async () => {
  models.requests.length = 0;
  worker = await startAgentWorker({
    models,
    tools: [{ name: "look", execute: async () => "a lamp" }],
    maxCachedWorkflows: 100,
  });
  client = await connect({
    environment: {},
    address: temporalAddress(),
    taskQueue: worker.taskQueue,
    blobs: worker.blobs,
  });
  first = await client.run({ agent: "tester", input: "look", budget: { limitUsd: "1" }, labels: { team: "lamps" } });
  await first.result();
});
afterEach(async () => {
  await client.close();
  await worker.stop();
});

describe("a fork", () => {
  test("remembers the old run and its settings, and is asked something new", async () => {
    const fork = await client.fork(first.workflowId, { input: "And now?" });
    expect(await fork.result()).toMatchObject({ status: "completed", output: "heard 5" });
    expect((await fork.transcript()).map(({ role, text }) => text ?? role)).toEqual([
      "look",
      "",
      "tool",
      "heard 3",
      "And now?",
      "heard 5",
    ]);
    expect(await fork.request()).toMatchObject({
      agent: "tester",
      budget: { limitUsd: "1" },
      labels: { team: "lamps" },
    });
  });

  test("begins after the turn that it names, with what its tools answered, and needs no word there", async () => {
    const fork = await client.fork(first.workflowId, { turn: 1 });
    expect(await fork.result()).toMatchObject({ status: "completed", output: "heard 3" });
    expect(models.requests.at(-1)?.messages.at(-1)).toMatchObject({ role: "tool", turn: 1 });
  });

  test("of a fork goes on from the fork", async () => {
    const second = await client.fork(first.workflowId, { input: "And now?" });
    await second.result();
    const third = await client.fork(second.workflowId, { input: "And then?" });
    expect(await third.result()).toMatchObject({ output: "heard 7" });
    expect((await third.request()).fork).not.toEqual((await second.request()).fork);
  });

  test("leaves the old run as it is", async () => {
    const before = await first.transcript();
    await (await client.fork(first.workflowId, { input: "And now?" })).result();
    expect(await first.transcript()).toEqual(before);
  });

  test("of a run that ended with an answer is not started without a word", async () => {
    await expect(client.fork(first.workflowId)).rejects.toMatchObject({
      type: "InvalidInput",
      message: expect.stringContaining("input: is missing"),
    });
  });

  test("from a turn that never was fails, and names the turn", async () => {
    const fork = await client.fork(first.workflowId, { turn: 9, input: "And now?" });
    await expect(fork.result()).rejects.toMatchObject({
      type: "InvalidInput",
      message: expect.stringContaining("fork.turn"),
    });
  });
});

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { connect, RUN_STATES, type RunFilter, type WfloClient } from "../../client/index.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { temporalAddress } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker;
let client: WfloClient;
/** Workflow ids of this suite's runs; the server is shared. */
let ids: Readonly<Record<"answered" | "waiting" | "failed" | "canceled" | "terminated", string>>;

beforeAll(async () => {
  const models = plainModels(({ messages }) =>
    messages.some(({ text }) => text === "deploy")
      ? { toolCalls: [{ id: "c1", name: "deploy", args: {} }] }
      : { text: "done" },
  );
  const tools = [{ name: "deploy", safe: false, execute: async () => "deployed" }];
  worker = await startAgentWorker({ models, tools, maxCachedWorkflows: 100 });
  client = await connect({ environment: {}, address: temporalAddress(), taskQueue: worker.taskQueue });
  const started = async (agent: string, input: string) => (await client.run({ agent, input })).workflowId;
  ids = {
    answered: await started("tester", "hello"),
    waiting: await started("tester", "deploy"),
    failed: await started("nobody", "hello"),
    canceled: await started("tester", "deploy"),
    terminated: await started("tester", "deploy"),
  };
  for (const id of [ids.waiting, ids.canceled, ids.terminated]) {
    await eventually(async () => expect(await client.attach(id).approvals()).toHaveLength(1));
  }
  await client.attach(ids.canceled).cancel();
  await client.attach(ids.terminated).terminate();
  await client.attach(ids.answered).result();
  await expect(client.attach(ids.canceled).result()).rejects.toMatchObject({ type: "Canceled" });
});

afterAll(async () => {
  await client.attach(ids.waiting).cancel();
  await client.close();
  await worker.stop();
});

async function listed(filter?: RunFilter): Promise<string[]> {
  const found: string[] = [];
  for await (const run of client.list(filter))
    if (Object.values(ids).includes(run.workflowId)) found.push(run.workflowId);
  return found.sort();
}

describe("a list of runs", () => {
  test("has agent, model, turn and cost of each run, from the index alone", async () => {
    const run = await eventually(async () => {
      for await (const one of client.list({ status: "completed" })) if (one.workflowId === ids.answered) return one;
      throw new Error("the index does not have it yet");
    });
    expect(run).toMatchObject({
      status: "completed",
      agent: "tester",
      model: "plain/one",
      turn: 1,
      costNanoUsd: 1_100_000,
      root: ids.answered,
      startedAt: expect.any(String),
      endedAt: expect.any(String),
      webUrl: expect.stringContaining(`/workflows/${ids.answered}/`),
    });
  });

  test.each([
    ["completed", ["answered"]],
    ["awaiting_approval", ["waiting"]],
    ["failed", ["failed"]],
    ["canceled", ["canceled"]],
    ["terminated", ["terminated"]],
    ["paused", []],
  ] as const)("of the status %s has %j", async (status, names) => {
    const wanted = names.map((name) => ids[name]);
    await eventually(async () => expect(await listed({ status })).toEqual(wanted));
  });

  test.each(RUN_STATES)("can be asked for the status %s", async (status) => {
    for await (const run of client.list({ status })) expect(run.status).toBe(status);
  });

  test("is cut to an agent, and to a time", async () => {
    await eventually(async () => expect(await listed({ agent: "tester" })).toContain(ids.answered));
    expect(await listed({ agent: "tester" })).not.toContain(ids.failed);
    expect(await listed({ agent: "o'hara \\ ' OR 1=1" })).toEqual([]);
    expect(await listed({ since: new Date(Date.now() + 60_000) })).toEqual([]);
  });
});

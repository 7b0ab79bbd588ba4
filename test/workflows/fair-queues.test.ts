import { randomUUID } from "node:crypto";
import { afterEach, expect, test } from "@jest/globals";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { deferred } from "../harness/deferred.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

const CROWD = 40;

const NOTHING = {
  exitCode: 0,
  stdout: "",
  stderr: "",
  timedOut: false,
  truncated: false,
  files: [],
  durationMs: 1,
  backend: "none",
};

test("an account with a crowd of runs does not starve one with a few on the same queue", async () => {
  const order: string[] = [];
  const gate = deferred();
  const models = plainModels(({ messages, turn }) =>
    turn === 1
      ? { toolCalls: [{ id: "c1", name: "code", args: { code: String(messages[0]?.text) } }] }
      : { text: "done" },
  );
  worker = await startAgentWorker({
    models,
    tools: [{ name: "code", kind: "sandbox", settings: { language: "python" } }],
    // One at a time, and the first one holds the slot until everyone waits.
    sandboxSlots: 1,
    code: async ({ code }) => {
      await gate.promise;
      order.push(code);
      return { result: NOTHING, workspace: `sha256:${"0".repeat(64)}`, out: {} };
    },
    maxCachedWorkflows: 200,
  });
  const { client, taskQueue, start } = worker;
  const accounts = { crowd: `crowd-${randomUUID()}`, few: `few-${randomUUID()}` };
  for (const account of Object.values(accounts)) {
    await client.workflow.start("budgetAccount", {
      taskQueue,
      workflowId: `budget:${account}`,
      args: [{ account, limitUsd: "10" }],
    });
  }
  const runs = [];
  for (let index = 0; index < CROWD; index += 1) {
    runs.push(await start({ agent: "tester", input: "crowd", account: accounts.crowd }));
  }
  await eventually(() => expect(models.requests).toHaveLength(CROWD));
  for (let index = 0; index < 3; index += 1) {
    runs.push(await start({ agent: "tester", input: "few", account: accounts.few }));
  }
  await eventually(() => expect(models.requests).toHaveLength(CROWD + 3));
  gate.resolve();
  await Promise.all(runs.map(async (run) => await run.result()));
  expect(order.lastIndexOf("few")).toBeLessThan(CROWD / 2);
}, 60_000);

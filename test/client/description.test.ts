import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from "@temporalio/worker";
import { connect, type WfloClient } from "../../client/index.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import type { caller } from "../harness/caller-workflow.js";
import { eventually } from "../harness/eventually.js";
import { type OwnServer, startOwnServer } from "../harness/own-server.js";
import { plainModels } from "../harness/plain-models.js";

/* What Temporal's own tools say of a run that nobody looks at with ours. */

let server: OwnServer;
let worker: AgentWorker;
let client: WfloClient;
beforeAll(async () => {
  server = await startOwnServer({ dynamic: ["limit.historyCount.suggestContinueAsNew=60"] });
  const models = plainModels(({ turn, messages }) =>
    turn < 12 && messages[0]?.text === "a long one"
      ? { toolCalls: [{ id: `c${turn}`, name: "noop", args: { turn } }] }
      : { text: "done" },
  );
  const tools = [{ name: "noop", execute: async () => "done" }];
  worker = await startAgentWorker({ models, tools, address: server.address });
  client = await connect({ environment: {}, address: server.address, taskQueue: worker.taskQueue });
});
afterAll(async () => {
  await client.close();
  await worker.stop();
  await server.stop();
});

/** Title and memo, as the server has them. @param runId a history. @default the last one */
async function described(workflowId: string, runId?: string): Promise<object> {
  const description = await worker.client.workflow.getHandle(workflowId, runId).describe();
  const { firstRunId } = description.raw.workflowExecutionInfo ?? {};
  const isFirst = firstRunId === description.runId;
  return { memo: description.memo, staticSummary: await description.staticSummary(), isFirst };
}

test("a run's memo is with its last history as with its first, which alone has a title", async () => {
  const labels = { team: "search" };
  const run = await client.run({ agent: "tester", input: "a long one", budget: { limitUsd: "1" }, labels });
  await run.result();
  const memo = {
    wfloAsked: "a long one",
    wfloBudget: "at most $1.00, then: fail",
    wfloLimits: "50 turns",
    wfloApprovals: "asks before tools that are not safe",
    wfloLabels: "team=search",
  };
  expect(await described(run.workflowId, run.runId)).toEqual({
    staticSummary: "tester: a long one",
    memo,
    isFirst: true,
  });
  expect(await described(run.workflowId)).toMatchObject({ memo, isFirst: false });
});

test("who starts one with another client need not write it: the next history has it; what they wrote stays", async () => {
  const plain = await worker.start({ agent: "tester", input: "a long one" });
  await plain.result();
  expect(await described(plain.workflowId)).toMatchObject({ memo: { wfloAsked: "a long one" }, isFirst: false });
  const own = await worker.client.workflow.start("agentRun", {
    workflowId: `own-${randomUUID()}`,
    taskQueue: worker.taskQueue,
    args: [{ agent: "tester", input: "a long one" }],
    memo: { ticket: "OPS-7" },
  });
  await own.result();
  expect(await described(own.workflowId)).toMatchObject({ memo: { ticket: "OPS-7" }, isFirst: false });
});

test("what a schedule starts has them too", async () => {
  const name = `beat-${randomUUID()}`;
  await client.createSchedule(name, { every: "1h", request: { agent: "tester", input: "scheduled" } });
  await client.triggerSchedule(name);
  const workflowId = await eventually(async () => {
    const found = (await client.listSchedules()).find((one) => one.name === name)?.runs[0];
    if (found === undefined) throw new Error("nothing started yet");
    return found;
  });
  expect(await described(workflowId)).toMatchObject({
    staticSummary: "tester: scheduled",
    memo: { wfloAsked: "scheduled" },
  });
  await client.deleteSchedule(name);
});

test("so has what one's own workflow calls", async () => {
  const taskQueue = `${worker.taskQueue}-own`;
  const connection = await NativeConnection.connect({ address: server.address });
  const own = await Worker.create({
    connection,
    taskQueue,
    shutdownGraceTime: 0,
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: join(packageRoot(), "test/harness/caller-workflow.ts"),
      logger: new DefaultLogger("ERROR"),
    }),
  });
  const workflowId = `caller-${randomUUID()}`;
  const { client: temporal } = worker;
  await own.runUntil(async () => {
    const options = { taskQueue, workflowId, args: [worker.taskQueue] as [string] };
    await temporal.workflow.execute<typeof caller>("caller", options);
  });
  await connection.close();
  const { events } = await temporal.workflow.getHandle(workflowId).fetchHistory();
  const started = events?.find((event) => event.childWorkflowExecutionStartedEventAttributes);
  const child = started?.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.workflowId;
  expect(await described(String(child))).toMatchObject({ staticSummary: "tester: go", memo: { wfloAsked: "go" } });
}, 60_000);

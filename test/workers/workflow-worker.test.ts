import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { Client, Connection, type WorkflowHandle } from "@temporalio/client";
import { type InjectedSinks, NativeConnection, Worker } from "@temporalio/worker";
import type { WorkflowInfo } from "@temporalio/workflow";
import type { WfloSinks } from "../../core/sinks.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { buildWorkflowBundle } from "../../workers/workflow-bundle.js";
import { withoutCallStacks } from "../../workers/workflow-code.js";
import { WorkflowWorker } from "../../workers/workflow-worker.js";
import { temporalAddress } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";
import type * as workflows from "../harness/looping-workflows.js";

/* Our threads of workflow code beside the SDK's (workers/workflow-thread.ts): the same must hold of both. */

const LIMIT_MS = 400;

let connection: NativeConnection;
let client: Client;
let code: string;
let stop = async () => {};

beforeAll(async () => {
  connection = await NativeConnection.connect({ address: temporalAddress() });
  client = new Client({ connection: await Connection.connect({ address: temporalAddress() }) });
  code = withoutCallStacks(await buildWorkflowBundle(join(packageRoot(), "test/harness/looping-workflows.ts")));
});
afterEach(async () => await stop());
afterAll(async () => {
  await client.connection.close();
  await connection.close();
});

const KINDS = { ours: WorkflowWorker, "the SDK's": Worker };

type Told = readonly [string, WorkflowInfo];

/** Starts a worker; with a time limit other than five seconds (which the SDK takes, and has no type for). */
async function started(kind: keyof typeof KINDS, limit: { readonly isolateExecutionTimeout?: number } = {}) {
  const taskQueue = `test-${randomUUID()}`;
  const told: Told[] = [];
  const runStarted = {
    callDuringReplay: false,
    fn: (info: WorkflowInfo, { agent }: { agent: string }) => {
      told.push([agent, info]);
    },
  };
  const sinks = { wflo: { runStarted } } as unknown as InjectedSinks<WfloSinks>;
  const workflowBundle = { code };
  const worker = await KINDS[kind].create({ connection, taskQueue, workflowBundle, sinks, ...limit });
  const running = worker.run();
  stop = async () => {
    worker.shutdown();
    await running;
  };
  const start = async (workflow: keyof typeof workflows, workflowId: string = randomUUID()) =>
    await client.workflow.start(workflow, { taskQueue, workflowId });
  return { start, told };
}

async function taskFailures(run: WorkflowHandle): Promise<readonly string[]> {
  const { events } = await run.fetchHistory();
  return (events ?? []).flatMap(({ workflowTaskFailedEventAttributes: failed }) => failed?.failure?.message ?? []);
}

test.each(Object.keys(KINDS) as (keyof typeof KINDS)[])(
  "threads that are %s: code that never comes back fails its own task in time, and no other run's",
  async (kind) => {
    const { start } = await started(kind, { isolateExecutionTimeout: LIMIT_MS });
    for (const workflow of ["atOnce", "afterAPromise", "inACondition", "afterACondition"] as const) {
      const looping = await start(workflow);
      await eventually(async () => expect((await taskFailures(looping))[0]).toContain(`timed out after ${LIMIT_MS}ms`));
      const sound = await start("tells");
      expect(await sound.result()).toBe("told");
      await looping.terminate();
    }
  },
);

test.each(Object.keys(KINDS) as (keyof typeof KINDS)[])(
  "threads that are %s: a query that never comes back fails, and the next one is answered",
  async (kind) => {
    const { start } = await started(kind, { isolateExecutionTimeout: LIMIT_MS });
    const run = await start("tells");
    await run.result();
    await expect(run.query("loop")).rejects.toThrow(`timed out after ${LIMIT_MS}ms`);
    expect(await run.query("fine")).toBe("yes");
  },
);

test.each(Object.keys(KINDS) as (keyof typeof KINDS)[])(
  "threads that are %s: what a run tells is heard once, with what it is about, with log lines and without",
  async (kind) => {
    const { start, told } = await started(kind);
    const ids = [`quiet-${randomUUID()}`, `logs-${randomUUID()}`];
    for (const id of ids) await (await start("tells", id)).result();
    expect(
      told.map(([agent, { workflowId, workflowType, unsafe }]) => [
        agent,
        workflowId,
        workflowType,
        unsafe.isReplaying,
      ]),
    ).toEqual(ids.map((id) => [id, id, "tells", false]));
  },
);

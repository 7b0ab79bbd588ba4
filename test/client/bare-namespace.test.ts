import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Connection } from "@temporalio/client";
import { connect, type RunFilter, type WfloClient } from "../../client/index.js";
import { wflo, wfloJson } from "../cli/command-line.js";
import { temporalAddress } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";

/* A namespace without the `Wflo…` search attributes, as one is that nobody has prepared; and without a worker. */

const namespace = `bare-${randomUUID()}`;
const environment = { TEMPORAL_NAMESPACE: namespace };
let client: WfloClient;
let open: string;
let ended: string;

beforeAll(async () => {
  const connection = await Connection.connect({ address: temporalAddress() });
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  await connection.close();
  client = await connect({ environment: {}, address: temporalAddress(), namespace, timeoutMs: 1_500 });
  const start = async () => (await client.run({ agent: "tester", input: "hello" })).workflowId;
  open = await eventually(start, { withinMs: 30_000 });
  ended = await start();
  await client.attach(ended).terminate();
});

afterAll(async () => {
  await client.attach(open).terminate();
  await client.close();
});

async function listed(filter?: RunFilter) {
  const runs = [];
  for await (const { workflowId, status } of client.list(filter)) runs.push({ workflowId, status });
  return runs;
}

test("runs are listed by what Temporal itself knows", async () => {
  expect(await client.hasRunAttributes()).toBe(false);
  await eventually(async () => expect(await listed()).toHaveLength(2));
  expect(await listed({ status: "running" })).toEqual([{ workflowId: open, status: "running" }]);
  expect(await listed({ status: "terminated" })).toEqual([{ workflowId: ended, status: "terminated" }]);
  expect(await listed({ status: "paused" })).toEqual([]);
  expect(await listed({ agent: "tester" })).toEqual([]);
});

test("wflo runs says what is missing, and how to have it", async () => {
  await eventually(async () => {
    const { exitCode, document, stderr } = await wfloJson<object[]>(["runs"], undefined, { environment });
    expect({ exitCode, runs: document.length }).toEqual({ exitCode: 0, runs: 2 });
    expect(stderr).toContain("wflo doctor --fix");
  });
});

test("wflo cost reads the event log, and needs none of it", async () => {
  expect(await wflo(["cost"], undefined, { environment })).toMatchObject({ exitCode: 0, stdout: "no runs\n" });
});

test("wflo show shows what is known without a worker, and says that none is there", async () => {
  const { exitCode, document, stderr } = await wfloJson(["show", ended], undefined, { environment });
  expect(exitCode).toBe(0);
  expect(document).toMatchObject({
    workflowId: ended,
    status: { state: "terminated" },
    budget: null,
    approvals: [],
    error: { type: "Terminated" },
  });
  expect(stderr).toContain("no worker");
});

test("wflo approvals names the runs that nobody answers for, and hides no others", async () => {
  const { exitCode, document, stderr } = await wfloJson(["approvals"], undefined, { environment });
  expect({ exitCode, document }).toEqual({ exitCode: 0, document: [] });
  expect(stderr).toContain(`no worker answers for: ${open}`);
});

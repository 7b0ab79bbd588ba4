import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Client, Connection } from "@temporalio/client";
import type { BudgetView } from "../core/ledger-report.js";
import type { RunResult } from "../core/run.js";
import { packageRoot } from "../workers/tool-finder.js";
import { temporalAddress } from "./harness/environment.js";
import { eventually } from "./harness/eventually.js";
import { type StartedProcess, startProcess } from "./harness/processes.js";

/* The examples as their READMEs say, with the built command and real processes. */

const root = packageRoot();
let folder: string;
let taskQueue: string;
let connection: Connection;
let client: Client;
let started: StartedProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-examples-"));
  taskQueue = `examples-${randomUUID()}`;
  started = [];
  connection = await Connection.connect({ address: temporalAddress() });
  client = new Client({ connection });
});

afterEach(async () => {
  for (const process of started) await process.stop("SIGKILL");
  await connection.close();
  await rm(folder, { recursive: true, force: true });
});

const environment = (more: NodeJS.ProcessEnv) => ({
  PATH: process.env.PATH,
  HOME: folder,
  TEMPORAL_ADDRESS: temporalAddress(),
  WFLO_TASK_QUEUE: taskQueue,
  WFLO_HTTP_PORT: "off",
  ...more,
});

async function startExample(example: string): Promise<void> {
  const agents = join(root, "examples", example, "agents.mjs");
  started.push(
    await startProcess({
      command: process.execPath,
      args: [join(root, "scripts/wflo.mjs"), "worker"],
      cwd: folder,
      env: environment({ WFLO_AGENTS: agents }),
      ready: /worker for/,
    }),
  );
}

const start = async (input: object) =>
  await client.workflow.start<(input: object) => Promise<RunResult>>("agentRun", {
    taskQueue,
    workflowId: `example-${randomUUID()}`,
    args: [input],
  });

test("a first agent answers with its cost", async () => {
  await startExample("first-agent");
  const run = await start({ agent: "guide", input: "How many miles is a marathon?", budget: { limitUsd: "0.01" } });
  expect(await run.result()).toMatchObject({
    status: "completed",
    output: "A marathon is 26.2 miles.",
    cost: { nanoUsd: 47_000 },
  });
});

test("a tool that asks first runs what was approved", async () => {
  await startExample("with-approval");
  const run = await start({ agent: "support", input: "Order 17 came broken.", budget: { limitUsd: "0.01" } });
  await eventually(async () => expect(await run.query("approvals")).toMatchObject([{ gate: "g1", state: "pending" }]));
  const word = { gate: "g1", decision: "approve", by: "ana", args: { order: "17", usd: 100 } };
  await run.executeUpdate("decideApproval", { args: [word] });
  expect(await run.result()).toMatchObject({ status: "completed" });
  expect(await readFile(join(folder, "refunds.txt"), "utf8")).toMatch(/^17 100.00 \S+\n$/);
});

test("agents inside one's own workflow share its budget and its gates", async () => {
  await startExample("first-agent");
  const queue = `newsletter-${randomUUID()}`;
  started.push(
    await startProcess({
      command: process.execPath,
      args: [join(root, "examples/own-workflow/worker.mjs")],
      cwd: folder,
      env: environment({ NEWSLETTER_QUEUE: queue }),
      ready: /is polling/,
    }),
  );
  const handle = await client.workflow.start("newsletter", {
    taskQueue: queue,
    workflowId: `newsletter-${randomUUID()}`,
    args: [{ topic: "marathons", taskQueue }],
  });
  await eventually(async () => expect(await handle.query("approvals")).toMatchObject([{ state: "pending" }]));
  expect(await handle.query<BudgetView>("budget")).toMatchObject({ spentNanoUsd: 47_000, reservedNanoUsd: 0 });
  const stranger = handle.executeUpdate("decideApproval", { args: [{ gate: "g1", decision: "approve", by: "eve" }] });
  await expect(stranger).rejects.toMatchObject({ cause: { details: [{ reason: "not-allowed" }] } });
  await handle.signal("approve", { gate: "g1", by: "editor", args: { text: "Run!" } });
  expect(await handle.result()).toEqual({
    sent: true,
    subject: "A marathon is 26.2 miles.",
    text: "Run!",
    costNanoUsd: 94_000,
  });
});

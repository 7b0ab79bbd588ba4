import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { afterEach, expect, test } from "@jest/globals";
import { findTemporalCli } from "../../workers/tool-finder.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { temporalAddress } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

/* The contract from outside: Temporal's own command line and the JSON of CONTRACT, nothing of ours. */

const run = promisify(execFile);
let worker: AgentWorker;

afterEach(async () => {
  await worker.stop();
});

async function temporal(...args: string[]): Promise<string> {
  const { path } = await findTemporalCli();
  const { stdout } = await run(path, [...args, "--address", temporalAddress(), "--output", "json"]);
  return stdout;
}

/** The one payload that a query or an update answered with. */
const answerOf = (text: string) => {
  const answer = JSON.parse(text) as { queryResult?: unknown; result?: unknown };
  const value = answer.queryResult ?? answer.result;
  return (Array.isArray(value) ? value[0] : value) as Record<string, unknown>;
};

test("starts a run, reads it, approves, tops up, says something and gets the result", async () => {
  const models = plainModels(({ turn, messages }) =>
    turn === 1
      ? { toolCalls: [{ id: "c1", name: "deploy", args: { to: "production" } }] }
      : { text: `heard: ${messages.map(({ text }) => text).join(" ")}` },
  );
  worker = await startAgentWorker({
    models,
    tools: [{ name: "deploy", safe: false, execute: async () => "deployed" }],
  });
  const id = `outside-${randomUUID()}`;
  const of = ["--workflow-id", id];
  const input = { agent: "tester", input: "deploy", budget: { limitUsd: "0.0015", onExhausted: "pause" }, unknown: 1 };
  const queue = ["--task-queue", worker.taskQueue];
  await temporal("workflow", "start", "--type", "agentRun", ...queue, ...of, "--input", JSON.stringify(input));
  const query = async (type: string) => answerOf(await temporal("workflow", "query", ...of, "--type", type));
  const update = async (name: string, payload: object) =>
    answerOf(
      await temporal("workflow", "update", "execute", ...of, "--name", name, "--input", JSON.stringify(payload)),
    );
  const signal = async (name: string, payload: object) =>
    await temporal("workflow", "signal", ...of, "--name", name, "--input", JSON.stringify(payload));

  await eventually(async () => expect(await query("status")).toMatchObject({ state: "awaiting_approval", turn: 1 }));
  const stranger = update("decideApproval", { gate: "g9", decision: "approve", by: "ana" });
  await expect(stranger).rejects.toThrow(/there is no gate g9/);
  await signal("message", { text: "be careful", by: "ana", id: "m1" });
  await signal("approve", { gate: "g1", by: "ana", comment: "go" });
  await eventually(async () => expect(await query("status")).toMatchObject({ state: "awaiting_budget" }));
  expect(await query("budget")).toMatchObject({ limitNanoUsd: 1_500_000, spentNanoUsd: 1_100_000, reservedNanoUsd: 0 });
  expect(await update("addBudget", { addUsd: "0.01", by: "ana", id: "t1" })).toMatchObject({
    limitNanoUsd: 11_500_000,
  });
  const result = JSON.parse(await temporal("workflow", "result", ...of)) as { status: string; result: object };
  expect(result).toMatchObject({
    status: "COMPLETED",
    result: {
      status: "completed",
      output: expect.stringContaining("be careful"),
      cost: { usd: "0.0022", nanoUsd: 2_200_000 },
    },
  });
  expect(await query("transcript")).toMatchObject({ turns: 2, head: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
});

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { type WorkerProcesses, workerProcesses } from "../harness/worker-processes.js";

/* What a real worker logs of a run: one JSON object a line, each with the ids that lead to the rest. */

let workers: WorkerProcesses;
afterEach(async () => await workers.stop());

const AGENTS = `
import { defineAgent, defineTool } from "wflo";
import { z } from "zod";
const add = defineTool({ name: "add", description: "Adds.", input: z.object({ a: z.number() }), safe: true, execute: async ({ a }) => a + 1 });
export const adder = defineAgent({ name: "adder", instructions: "Add.", model: "scripted/words", tools: [add] });`;

async function linesOf(environment: NodeJS.ProcessEnv) {
  workers = await workerProcesses({
    agents: AGENTS,
    environment: { WFLO_SCRIPTS: ".", WFLO_SANDBOX: "none", WFLO_LOG_LEVEL: "debug", ...environment },
  });
  const asks = { toolCalls: [{ name: "add", args: { a: 41 } }] };
  await writeFile(join(workers.folder, "words.json"), JSON.stringify({ turns: [asks, { text: "the answer" }] }));
  const worker = await workers.startWorker();
  const run = await workers.startRun({ agent: "adder", input: "the question" });
  expect(await run.result()).toMatchObject({ status: "completed" });
  await worker.stop();
  const lines = worker
    .output()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const { workflowId } = run;
  return { workflowId, lines, ofRun: lines.filter((line) => line.workflowId === workflowId) };
}

test("every line of a run has its run, and those of its steps their turn, tool and span", async () => {
  const { ofRun } = await linesOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" });
  expect(new Set(ofRun.map(({ runId }) => runId)).size).toBe(1);
  const ids = { trace_id: expect.stringMatching(/^[0-9a-f]{32}$/), span_id: expect.stringMatching(/^[0-9a-f]{16}$/) };
  // The SDK tells of an activity's start before anybody has seen what it is asked.
  const of = (activityType: string) =>
    ofRun.filter((line) => line.activityType === activityType && line.msg !== "Activity started");
  expect(of("tool.add").length).toBeGreaterThan(0);
  for (const line of of("tool.add")) expect(line).toMatchObject({ turn: 1, tool: "add", callId: "call_1_1", ...ids });
  expect(of("callModel").map(({ turn }) => turn)).toEqual(expect.arrayContaining([1, 2]));
  for (const line of of("callModel")) expect(line).toMatchObject(ids);
  const ofWorkflow = ofRun.filter(({ sdkComponent }) => sdkComponent === "workflow" || sdkComponent === "worker");
  expect(ofWorkflow.some(({ agent, turn }) => agent === "adder" && turn === 2)).toBe(true);
  expect(new Set(ofRun.flatMap(({ trace_id }) => trace_id ?? [])).size).toBe(1);
}, 60_000);

test("without tracing they have all but the span, and nothing of what was said", async () => {
  const { ofRun, lines } = await linesOf({});
  const line = ofRun.findLast(({ activityType }) => activityType === "tool.add");
  expect(line).toMatchObject({ turn: 1, tool: "add" });
  expect(line).not.toHaveProperty("trace_id");
  expect(JSON.stringify(lines)).not.toMatch(/the question|the answer/);
}, 60_000);

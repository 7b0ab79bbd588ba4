import { afterEach, expect, test } from "@jest/globals";
import { connect, type WfloClient } from "../../client/index.js";
import type { BlobAddress } from "../../core/transcript.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

/* What a run has left in /workspace/out is there to be had whatever became of the run. */

let worker: AgentWorker | undefined;
let client: WfloClient | undefined;
afterEach(async () => {
  await client?.close();
  await worker?.stop();
});

const ran = { exitCode: 0, stdout: "", stderr: "", timedOut: false, truncated: false, durationMs: 1, backend: "none" };

/** A run that leaves so many files, and then waits for its people. */
async function waiting(count: number) {
  const models = plainModels(({ turn }) => {
    if (turn === 1) return { toolCalls: [{ id: "c1", name: "code", args: { code: "1" } }] };
    return turn === 2 ? { toolCalls: [{ id: "c2", name: "ask", args: {} }] } : { text: "done" };
  });
  const names = Array.from({ length: count }, (_, index) => `file-${index}.csv`);
  const agents = await startAgentWorker({
    models,
    tools: [
      { name: "code", kind: "sandbox", settings: { language: "python" } },
      { name: "ask", kind: "human" },
    ],
    code: async () => {
      const { ref } = await agents.blobs.put("a,b\n");
      const out = Object.fromEntries(names.map((name) => [name, ref]));
      return { result: { ...ran, files: names }, workspace: `sha256:${"0".repeat(64)}` as BlobAddress, out };
    },
  });
  worker = agents;
  client = await connect({ temporal: agents.client, blobs: agents.blobs });
  const run = client.attach((await agents.start({ agent: "tester", input: "go" })).workflowId);
  await eventually(async () => expect(await run.status()).toMatchObject({ state: "awaiting_approval" }));
  return { run, names };
}

test("a run that still goes on", async () => {
  const { run, names } = await waiting(2);
  expect(Object.keys(await run.files())).toEqual(names);
  expect(Buffer.from(await run.file("file-1.csv")).toString()).toBe("a,b\n");
});

test("a run that was cancelled, and one that was terminated", async () => {
  const { run, names } = await waiting(2);
  await run.cancel();
  await expect(run.result()).rejects.toMatchObject({ name: "RunFailed" });
  expect(Object.keys(await run.files())).toEqual(names);
});

test("all of them, where they are too many to travel in a result", async () => {
  const { run, names } = await waiting(400);
  expect(Object.keys(await run.files()).sort()).toEqual([...names].sort());
  await run.approve("g1", { by: "ana", comment: "yes" });
  expect(Object.keys((await run.result()).files).length).toBeLessThan(400);
  expect(Object.keys(await run.files()).sort()).toEqual([...names].sort());
});

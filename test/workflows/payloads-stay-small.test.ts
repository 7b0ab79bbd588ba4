import { afterEach, describe, expect, test } from "@jest/globals";
import { createBlobs } from "../../activities/blobs.js";
import { createWorkspaces } from "../../activities/workspace.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import type { GateView } from "../../core/gate.js";
import type { JsonObject } from "../../core/json.js";
import type { RunResult } from "../../core/run.js";
import type { BlobAddress } from "../../core/transcript.js";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { historiesOf, largestPayload, typesOf } from "../harness/histories.js";
import { plainModels } from "../harness/plain-models.js";

/*
 * What a run sends to its activities and gets from them stays below 32 KiB, whatever models, tools and people come up with:
 * the server's limit of 2 MiB, which would stop a run for good, is never near.
 */

const LIMIT = 32 * 1024;
/** What comes from outside is as large as its sender makes it. */
const FROM_OUTSIDE = [
  "WORKFLOW_EXECUTION_STARTED",
  "WORKFLOW_EXECUTION_SIGNALED",
  "WORKFLOW_EXECUTION_UPDATE_ACCEPTED",
];

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

async function start(world: TestWorld, input: object) {
  worker = await startAgentWorker({ maxCachedWorkflows: 10, ...world });
  return await worker.start({ agent: "tester", input: "go", ...input });
}

/** The run's result, after making sure of every payload of its history. */
async function resultOf(run: Awaited<ReturnType<typeof start>>): Promise<RunResult> {
  const result = await run.result();
  const histories = await historiesOf((worker as AgentWorker).client, run.workflowId, run.firstExecutionRunId);
  const events = histories.flatMap((history) => history.events);
  const types = typesOf(events);
  const largest = largestPayload(events.filter((_, at) => !FROM_OUTSIDE.includes(types[at] as string)));
  expect(largest.bytes > LIMIT ? largest : "small").toBe("small");
  expect(types).not.toContain("WORKFLOW_TASK_FAILED");
  return result;
}

const textAt = async (ref: BlobAddress | undefined) => await (worker as AgentWorker).blobs.getText(ref as BlobAddress);
const big = (bytes: number) => "0123456789abcdef".repeat(bytes / 16);

describe("payloads stay below 32 KiB", () => {
  test("with eight parallel results of 1.9 MB and two messages of 1.5 MB in one turn", async () => {
    const models = plainModels(({ turn }) =>
      turn === 1
        ? { toolCalls: Array.from({ length: 8 }, (_, at) => ({ id: `c${at}`, name: "dump", args: { at } })) }
        : { text: "read" },
    );
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const dump = {
      name: "dump",
      execute: async ({ at }: JsonObject) => {
        await released;
        return { at: at as number, dump: big(1_900_000) };
      },
    };
    const run = await start({ models, tools: [dump] }, {});
    const refs = [];
    for (const word of ["first", "second"]) refs.push((await worker!.blobs.put(`${word} ${big(1_500_000)}`)).ref);
    await eventually(async () => expect(await run.query("status")).toMatchObject({ turn: 1 }));
    for (const ref of refs) await run.signal("message", { text: { ref } });
    await eventually(async () => expect((await run.describe()).historyLength).toBeGreaterThan(20));
    release();
    expect(await resultOf(run)).toMatchObject({ status: "completed", output: "read" });
    const heard = models.requests[1]?.messages.filter(({ role }) => role === "user").map(({ text }) => text);
    expect(heard?.slice(1).map((text) => (text as string).slice(0, 10))).toEqual(["first 0123", "second 012"]);
    const { toolResults = [] } = models.requests[1]?.messages.find(({ role }) => role === "tool") ?? {};
    expect(toolResults.map(({ result }) => (result as { note: string }).note)).toEqual(
      toolResults.map(() => expect.stringMatching(/^This is the beginning of 19000\d\d bytes/)),
    );
  });

  test.each<[string, string]>([
    ["a plain answer of 30 KB", big(30_000)],
    ["an answer of 3 MB", big(3_000_000)],
    ["an answer of 19 KB that is twice as long in JSON", '"\\'.repeat(9_500)],
    ["an answer of wide characters", "😀é".repeat(8_000)],
  ])("with %s, which the result has by its address", async (_, text) => {
    const run = await start({ models: plainModels(() => ({ text })) }, {});
    const { output, outputRef } = await resultOf(run);
    expect(text.startsWith(output)).toBe(true);
    expect(output.length).toBeGreaterThan(2_000);
    expect((await textAt(outputRef)) === text).toBe(true);
  });

  test("with an answer of 15 KB, which the result has in full", async () => {
    const run = await start({ models: plainModels(() => ({ text: big(15_008) })) }, {});
    expect(await resultOf(run)).toMatchObject({ output: big(15_008) });
  });

  test("with a tool output of 3 MB and one that cannot be JSON", async () => {
    const models = plainModels(({ turn, messages }) =>
      turn === 1
        ? { toolCalls: ["dump", "odd"].map((name) => ({ id: name, name, args: {} })) }
        : { text: JSON.stringify(messages.at(-1)?.toolResults?.map(({ error }) => error ?? "ok")) },
    );
    const tools = [
      { name: "dump", execute: async () => big(3_000_000) },
      { name: "odd", execute: async () => 1n as never },
    ];
    const { output } = await resultOf(await start({ models, tools }, {}));
    expect(JSON.parse(output)).toEqual(["ok", expect.stringContaining("BigInt")]);
  });

  test("with 200 tool calls in one answer, and every result reaches the model", async () => {
    const args = (at: number) => ({ at, why: `because of ${at} ${big(304)}` });
    const models = plainModels(({ turn, messages }) =>
      turn === 1
        ? { toolCalls: Array.from({ length: 200 }, (_, at) => ({ id: `c${at}`, name: "echo", args: args(at) })) }
        : { text: String(messages.at(-1)?.toolResults?.filter(({ error }) => error === undefined).length) },
    );
    const echo = { name: "echo", execute: async ({ at, why }: JsonObject) => `${at} ${why}` };
    const run = await start({ models, tools: [echo] }, { limits: { toolCalls: 1_000 } });
    expect(await resultOf(run)).toMatchObject({ status: "completed", output: "200" });
  });

  test("with an agent of 300 tools, 60 models and a large input", async () => {
    const tools = Array.from({ length: 300 }, (_, at) => ({ name: `tool_${at}`, version: big(64) }));
    const modelNames = Array.from({ length: 60 }, (_, at) => `plain/${big(192)}-${at}`);
    const outputSchema = { type: "object", description: big(40_000) };
    const files = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`in/${at}.txt`, big(20_000)]));
    const models = plainModels(() => ({ text: JSON.stringify({ found: big(20_000) }) }));
    const run = await start({ models, tools }, { models: modelNames, outputSchema, files, input: big(60_000) });
    const { data, dataRef } = await resultOf(run);
    expect(data).toBeUndefined();
    expect(JSON.parse(await textAt(dataRef))).toEqual({ found: big(20_000) });
    expect(models.requests[0]?.messages).toMatchObject([{ role: "user", text: big(60_000) }]);
  });

  test("with arguments that an approver edits to 30 KB, and these run", async () => {
    const ran: unknown[] = [];
    const deploy = { name: "deploy", safe: false, execute: async (args: JsonObject) => void ran.push(args) as never };
    const models = plainModels(({ turn }) =>
      turn === 1 ? { toolCalls: [{ id: "c", name: "deploy", args: { to: "here" } }] } : { text: "ok" },
    );
    const run = await start({ models, tools: [deploy] }, {});
    await eventually(async () => expect(await run.query("approvals")).toHaveLength(1));
    const word = { gate: "g1", decision: "approve", by: "ana", args: { to: big(30_000) } };
    const gate = await run.executeUpdate<GateView, [object]>("decideApproval", { args: [word] });
    expect(gate).toMatchObject({ state: "approved", args: { ref: expect.stringMatching(/^sha256:/) } });
    expect(await resultOf(run)).toMatchObject({ status: "completed" });
    expect(ran).toEqual([word.args]);
  });

  test("with 900 files left in the workspace, and the result says where all of them are", async () => {
    const store = createMemoryObjectStore();
    const workspaces = createWorkspaces(createBlobs(store));
    const content = new TextEncoder().encode("a file");
    const names = Array.from({ length: 900 }, (_, at) => `out/${String(at).padStart(60, "0")}.txt`);
    const code: TestWorld["code"] = async () => {
      const workspace = await workspaces.save(names.map((path) => ({ path, content })));
      const ran = { exitCode: 0, stdout: "", stderr: "", timedOut: false, truncated: false, durationMs: 1 };
      return { result: { ...ran, backend: "none", files: names }, workspace, out: await workspaces.out(workspace) };
    };
    const python = { name: "python", kind: "sandbox", settings: { language: "python" } } as const;
    const models = plainModels(({ turn }) =>
      turn === 1 ? { toolCalls: [{ id: "c", name: "python", args: { code: "1" } }] } : { text: "ok" },
    );
    const { files, filesRef } = await resultOf(await start({ models, store, code, tools: [python] }, {}));
    const all = JSON.parse(await textAt(filesRef)) as object;
    expect(Object.keys(all)).toHaveLength(900);
    expect(all).toMatchObject(files);
    expect(Object.keys(files).length).toBeGreaterThan(10);
  });
});

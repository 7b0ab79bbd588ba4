import { afterEach, describe, expect, test } from "@jest/globals";
import { connect, type RunChange, type RunHandle, type WfloClient } from "../../client/index.js";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { temporalAddress } from "../harness/environment.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker;
let client: WfloClient;

async function start(world: TestWorld) {
  worker = await startAgentWorker({ maxCachedWorkflows: 100, ...world });
  client = await connect({
    environment: {},
    address: temporalAddress(),
    taskQueue: worker.taskQueue,
    timeoutMs: 2_000,
  });
}
afterEach(async () => {
  await client?.close();
  await worker?.stop();
});

/** Follows a run to its end; `react` is told of every change. */
async function watched(run: RunHandle, react: (change: RunChange) => unknown = () => {}): Promise<RunChange[]> {
  const changes: RunChange[] = [];
  for await (const change of run.watch()) {
    changes.push(change);
    await react(change);
  }
  return changes;
}
const kinds = (changes: readonly RunChange[]) =>
  changes.filter(({ kind }) => kind !== "budget" && kind !== "status").map(({ kind }) => kind);

const tool = (safe: boolean) => ({ name: "deploy", safe, execute: async () => "deployed" });
const twoTurns = () =>
  plainModels(({ turn }) => (turn === 1 ? { toolCalls: [{ id: "c1", name: "deploy", args: {} }] } : { text: "done" }));

describe("watching a run", () => {
  test("tells turns, tools, tokens and cost, and ends with the result", async () => {
    await start({ models: twoTurns(), tools: [tool(true)] });
    const run = await client.run({ agent: "tester", input: "Deploy it.", budget: { limitUsd: "1" } });
    const changes = await watched(run);
    expect(changes.filter(({ kind }) => kind !== "budget" && kind !== "status")).toMatchObject([
      { kind: "thinking", turn: 1, attempt: 1, model: "plain/one" },
      {
        kind: "answered",
        turn: 1,
        toolCalls: ["deploy"],
        nanoUsd: 1_100_000,
        total: { inputTokens: 1_000, outputTokens: 100 },
      },
      { kind: "tool", turn: 1, tool: "deploy", callId: "c1", stage: "running" },
      { kind: "tool", turn: 1, tool: "deploy", callId: "c1", stage: "done" },
      { kind: "thinking", turn: 2 },
      { kind: "answered", turn: 2, toolCalls: [], total: { inputTokens: 2_000, outputTokens: 200 } },
      { kind: "ended", end: "completed", result: { output: "done" } },
    ]);
  });

  test("tells of a gate when it opens and when it is decided, and of money that was spent", async () => {
    await start({ models: twoTurns(), tools: [tool(false)] });
    const run = await client.run({ agent: "tester", input: "Deploy it.", budget: { limitUsd: "1" } });
    const changes = await watched(run, async (change) => {
      if (change.kind === "gate" && change.gate.state === "pending") await run.approve(change.gate.gate, { by: "ana" });
    });
    const gates = changes.flatMap((change) => (change.kind === "gate" ? [change.gate] : []));
    expect(gates[0]).toMatchObject({ gate: "g1", tool: "deploy", state: "pending" });
    expect(kinds(changes).at(-1)).toBe("ended");
    expect(changes).toContainEqual(
      expect.objectContaining({ kind: "budget", budget: expect.objectContaining({ spentNanoUsd: 1_100_000 }) }),
    );
  });

  test("begins with what has happened, when it joins a run that waits", async () => {
    await start({ models: twoTurns(), tools: [tool(false)] });
    const { workflowId } = await client.run({ agent: "tester", input: "Deploy it." });
    const first = client.attach(workflowId);
    await watchedUntil(first, (change) => change.kind === "gate");
    const changes = await watched(client.attach(workflowId), async (change) => {
      if (change.kind === "gate" && change.gate.state === "pending") await first.approve("g1", { by: "ana" });
    });
    expect(kinds(changes).slice(0, 3)).toEqual(["thinking", "answered", "gate"]);
  });

  test("tells a run that has ended without asking anybody", async () => {
    await start({ models: twoTurns(), tools: [tool(true)] });
    const run = await client.run({ agent: "tester", input: "Deploy it." });
    await run.result();
    await worker.stop();
    expect(kinds(await watched(run))).toEqual([
      "thinking",
      "answered",
      "tool",
      "tool",
      "thinking",
      "answered",
      "ended",
    ]);
    worker = await startAgentWorker({ models: twoTurns() });
  });

  test("tells of the run's state where it waits for its people, and how it ended without a result", async () => {
    await start({ models: twoTurns(), tools: [tool(false)] });
    const run = await client.run({ agent: "tester", input: "Deploy it." });
    const changes = await watched(run, async (change) => {
      if (change.kind === "status" && change.status.state === "awaiting_approval") await run.cancel();
    });
    expect(changes.at(-1)).toMatchObject({ kind: "ended", end: "canceled" });
  });

  test("ends quietly when its signal aborts, also in the middle of a wait", async () => {
    await start({ models: twoTurns(), tools: [tool(false)] });
    const run = await client.run({ agent: "tester", input: "Deploy it." });
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const change of run.watch({ signal: stop.signal })) {
      seen.push(change.kind);
      if (change.kind === "gate") queueMicrotask(() => stop.abort());
    }
    expect(seen).toContain("gate");
    expect(seen).not.toContain("ended");
    await run.cancel();
  });

  test("says that there is no such run", async () => {
    await start({ models: twoTurns() });
    await expect(watched(client.attach("never-started"))).rejects.toMatchObject({ kind: "no-such-run" });
  });
});

async function watchedUntil(run: RunHandle, wanted: (change: RunChange) => boolean): Promise<void> {
  for await (const change of run.watch()) if (wanted(change)) return;
  throw new Error("the run ended before");
}

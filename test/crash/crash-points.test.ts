import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { BudgetView } from "../../core/ledger-report.js";
import type { Checkpoint } from "../../ports/checkpoints.js";
import { BILLING_PRICES, type BillingProvider, type Reply, startBillingProvider } from "../harness/billing-provider.js";
import { eventually } from "../harness/eventually.js";
import { type WorkerProcesses, workerProcesses } from "../harness/worker-processes.js";

/*
 * Workers are killed (SIGKILL, by themselves, at a named checkpoint) in the middle of a model call, a tool and a gate. The
 * provider keeps books of its own, and bills every request when it arrives.
 */

const AGENTS = `
import { appendFileSync } from "node:fs";
import { defineAgent, defineTool } from "wflo";
import { z } from "zod";
const input = z.object({ line: z.string() });
const execute = ({ line }, { idempotencyKey }) => { appendFileSync("written.txt", line + " " + idempotencyKey + "\\n"); return "written"; };
const slowly = async (...call) => { await new Promise((resolve) => setTimeout(resolve, 400)); return execute(...call); };
const tool = (name, options) => defineTool({ name, description: "Writes a line", input, execute, ...options });
export const writer = defineAgent({
  name: "writer", instructions: "You write.", model: "openai-compatible/billing",
  tools: [tool("write", { safe: true, timeout: "5s" }), tool("write_again", { safe: true, repeatable: true }), tool("write_slowly", { safe: true, repeatable: true, execute: slowly }), tool("write_asking", {})],
});`;

let provider: BillingProvider | undefined;
let workers: WorkerProcesses | undefined;

afterEach(async () => {
  await workers?.stop();
  await provider?.close();
});

async function startWorld(reply: Reply) {
  provider = await startBillingProvider(reply);
  workers = await workerProcesses({
    agents: AGENTS,
    environment: {
      OPENAI_COMPATIBLE_BASE_URL: provider.url,
      OPENAI_COMPATIBLE_API_KEY: "not-a-key",
      WFLO_PRICES: "./prices.json",
    },
  });
  await writeFile(join(workers.folder, "prices.json"), JSON.stringify(BILLING_PRICES));
  return { provider, workers };
}

const written = async ({ folder }: WorkerProcesses) =>
  (await readFile(join(folder, "written.txt"), "utf8").catch(() => "")).split("\n").filter((line) => line !== "");

/** A call's bound is about $0.0182 (8,192 tokens of output at $2 a million, and some input): this is one and a half. */
const ONE_AND_A_HALF_CALLS = "0.0275";

describe("a worker that dies in a model call", () => {
  test.each<[Checkpoint, string, { requests: number; unconfirmed: boolean; books: readonly string[] }]>([
    [
      "model.started",
      "nothing was sent, but nobody knows",
      { requests: 1, unconfirmed: true, books: ["reserved", "unconfirmed", "reserved", "settled"] },
    ],
    [
      "model.answered",
      "the answer is lost and billed",
      { requests: 2, unconfirmed: true, books: ["reserved", "unconfirmed", "reserved", "settled"] },
    ],
    [
      "model.journalled",
      "the journal has the answer",
      { requests: 1, unconfirmed: false, books: ["reserved", "unconfirmed", "reserved", "confirmed", "released"] },
    ],
  ])("at %s (%s): the run ends, and the provider's bill is within the cap", async (dieAt, _why, wanted) => {
    const world = await startWorld(() => ({ text: "the answer" }));
    const first = await world.workers.startWorker({ dieAt });
    const run = await world.workers.startRun({
      agent: "writer",
      input: "go",
      budget: { limitUsd: ONE_AND_A_HALF_CALLS },
    });
    expect(await first.ended).toBe("SIGKILL");
    await world.workers.startWorker();
    const result = await run.result();
    expect(result).toMatchObject({ status: "completed", output: "the answer" });
    expect(world.provider.requests).toHaveLength(wanted.requests);
    expect(world.provider.billNanoUsd()).toBeLessThanOrEqual(27_500_000);
    expect(result.cost.nanoUsd).toBeGreaterThanOrEqual(world.provider.billNanoUsd());
    expect(result.cost.nanoUsd).toBeLessThanOrEqual(27_500_000);
    expect(result.cost.unconfirmedNanoUsd > 0).toBe(wanted.unconfirmed);
    const { entries } = await run.query<BudgetView>("budget");
    expect(entries.map(({ kind }) => kind)).toEqual(wanted.books);
  });
});

describe("a worker that dies in a tool", () => {
  test.each<[Checkpoint, string, string, { lines: number; says: RegExp }]>([
    ["tool.started", "write_again", "it is run again", { lines: 1, says: /written/ }],
    ["tool.done", "write_again", "it may be repeated, so it is", { lines: 2, says: /written/ }],
    ["tool.journalled", "write_slowly", "the journal has the result", { lines: 1, says: /written/ }],
    ["tool.started", "write", "nobody knows whether it ran", { lines: 0, says: /whether it did its work is unknown/ }],
    ["tool.done", "write", "nobody knows whether it ran", { lines: 1, says: /whether it did its work is unknown/ }],
  ])("at %s of %s (%s): nothing is done twice unnoticed", async (dieAt, tool, _why, wanted) => {
    const world = await startWorld((turn) =>
      turn === 1 ? { toolCalls: [{ name: tool, args: { line: "one" } }] } : { text: "done" },
    );
    const first = await world.workers.startWorker({ dieAt });
    const run = await world.workers.startRun({ agent: "writer", input: "go", budget: { limitUsd: "1" } });
    expect(await first.ended).toBe("SIGKILL");
    await world.workers.startWorker();
    expect(await run.result()).toMatchObject({ status: "completed", output: "done" });
    const lines = await written(world.workers);
    expect(lines).toHaveLength(wanted.lines);
    expect(new Set(lines).size).toBeLessThanOrEqual(1);
    expect(world.provider.requests.at(-1)?.prompt).toMatch(wanted.says);
    expect(world.provider.requests).toHaveLength(2);
  });
});

describe("a worker that dies while people are asked", () => {
  test("holds nothing: the decision is taken while no worker is there, and the tool runs once", async () => {
    const world = await startWorld((turn) =>
      turn === 1 ? { toolCalls: [{ name: "write_asking", args: { line: "one" } }] } : { text: "done" },
    );
    const first = await world.workers.startWorker();
    const run = await world.workers.startRun({ agent: "writer", input: "go", budget: { limitUsd: "1" } });
    await eventually(async () =>
      expect(await run.query("approvals")).toMatchObject([{ gate: "g1", state: "pending" }]),
    );
    await first.stop("SIGKILL");
    await run.signal("approve", { gate: "g1", by: "ana" });
    await run.signal("approve", { gate: "g1", by: "ana" });
    expect(await written(world.workers)).toEqual([]);
    await world.workers.startWorker();
    expect(await run.result()).toMatchObject({ status: "completed", output: "done" });
    expect(await written(world.workers)).toHaveLength(1);
  });
});

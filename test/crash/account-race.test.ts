import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import type { BalanceView } from "../../core/account.js";
import { type BillingProvider, startBillingProvider } from "../harness/billing-provider.js";
import { eventually } from "../harness/eventually.js";
import { type WorkerProcesses, workerProcesses } from "../harness/worker-processes.js";

/*
 * A known failure of a popular gateway: processes that each keep a count of what was spent let far more through than the cap.
 * Here three real worker processes serve 30 runs at once for an account of $0.002; one of them is killed in the middle.
 */

const AGENTS = `
import { defineAgent } from "wflo";
export const talker = defineAgent({
  name: "talker", instructions: "You talk, and you are brief. ".repeat(40), model: "openai-compatible/billing",
});`;

const INPUT_NANO_USD = 100;
const OUTPUT_NANO_USD = 200;
const PRICES = { "openai-compatible/billing": { inputUsdPerMillion: "0.1", outputUsdPerMillion: "0.2" } };
const LIMIT = 2_000_000;
const RUNS = 30;

let provider: BillingProvider;
let workers: WorkerProcesses;
afterEach(async () => {
  await workers.stop();
  await provider.close();
});

/** What the provider would write on its bill, by its own count. */
const billed = () =>
  provider.requests.reduce(
    (sum, { maxTokens }) => sum + 700 * INPUT_NANO_USD + Math.min(900, maxTokens) * OUTPUT_NANO_USD,
    0,
  );

test("30 runs at once over three processes, one of them killed, never spend more than the account has", async () => {
  provider = await startBillingProvider(() => ({ text: "Yes." }));
  workers = await workerProcesses({
    agents: AGENTS,
    environment: {
      OPENAI_COMPATIBLE_BASE_URL: provider.url,
      OPENAI_COMPATIBLE_API_KEY: "not-a-key",
      WFLO_PRICES: "./prices.json",
    },
  });
  await writeFile(join(workers.folder, "prices.json"), JSON.stringify(PRICES));
  const processes = [await workers.startWorker(), await workers.startWorker(), await workers.startWorker()];
  const name = `race-${randomUUID()}`;
  const account = await workers.client.workflow.start("budgetAccount", {
    taskQueue: workers.taskQueue,
    workflowId: `budget:${name}`,
    args: [{ account: name, limitUsd: "0.002" }],
  });
  const input = { agent: "talker", input: "Are you there?", account: name };
  const runs = await Promise.all(Array.from({ length: RUNS }, async () => await workers.startRun(input)));
  await eventually(() => expect(provider.requests.length).toBeGreaterThan(2));
  await processes[0]?.stop("SIGKILL");
  const results = await Promise.all(runs.map(async (run) => await run.result()));
  // How many are lucky depends on what the killed process had in hand.
  const outcomes = new Set(results.map(({ status }) => status));
  const spent = results.reduce((sum, { cost }) => sum + cost.nanoUsd, 0);
  expect(billed()).toBeLessThanOrEqual(LIMIT);
  expect(spent).toBeGreaterThanOrEqual(billed());
  expect(spent).toBeLessThanOrEqual(LIMIT);
  expect([...outcomes].filter((status) => status !== "completed")).toEqual(["budget_exhausted"]);
  expect(await account.query<BalanceView>("balance")).toMatchObject({ spentNanoUsd: spent, leasedNanoUsd: 0 });
}, 120_000);

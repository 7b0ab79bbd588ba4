import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { WorkflowHandle } from "@temporalio/client";
import type { BudgetView } from "../../core/ledger-report.js";
import { BILLING_PRICES, type BillingProvider, startBillingProvider } from "../harness/billing-provider.js";
import { eventually } from "../harness/eventually.js";
import { type WorkerProcesses, workerProcesses } from "../harness/worker-processes.js";

/* A provider whose answer has begun and does not end; a real worker process; people who say stop. */

const AGENTS = `
import { defineAgent } from "wflo";
export const talker = defineAgent({ name: "talker", instructions: "You talk.", model: "openai-compatible/billing" });`;

/** Two seconds are promised, and measured by `npm run bench`; a busy test machine may take a little longer, not a minute. */
const SOCKET_CLOSES_WITHIN_MS = 6_000;

let provider: BillingProvider;
let workers: WorkerProcesses;

afterEach(async () => {
  await workers.stop();
  await provider.close();
});

async function startTalking(): Promise<WorkflowHandle> {
  provider = await startBillingProvider(() => ({ text: "It is a long story." }));
  provider.hold();
  workers = await workerProcesses({
    agents: AGENTS,
    environment: {
      OPENAI_COMPATIBLE_BASE_URL: provider.url,
      OPENAI_COMPATIBLE_API_KEY: "not-a-key",
      WFLO_PRICES: "./prices.json",
    },
  });
  await writeFile(join(workers.folder, "prices.json"), JSON.stringify(BILLING_PRICES));
  await workers.startWorker();
  const run = await workers.startRun({ agent: "talker", input: "Tell me.", budget: { limitUsd: "1" } });
  await eventually(() => expect(provider.requests).toHaveLength(1));
  return run;
}

describe("a stream that would go on for a minute", () => {
  test.each<[string, (run: WorkflowHandle) => Promise<unknown>]>([
    ["cancel", async (run) => await run.cancel()],
    ["pause", async (run) => await run.signal("pause", { by: "ana" })],
    ["a freeze", async (run) => await run.signal("budgetCheck", { freeze: true, by: "ana" })],
  ])("is closed by %s at once, and the books cover what the provider counted", async (_word, stop) => {
    const run = await startTalking();
    const since = performance.now();
    await stop(run);
    await eventually(() => expect(provider.requests[0]?.isClosed).toBe(true));
    expect(performance.now() - since).toBeLessThan(SOCKET_CLOSES_WITHIN_MS);
    await eventually(async () => {
      const { unconfirmedNanoUsd, spentNanoUsd, reservedNanoUsd } = await run.query<BudgetView>("budget");
      expect(reservedNanoUsd).toBe(0);
      expect(unconfirmedNanoUsd + spentNanoUsd).toBeGreaterThanOrEqual(provider.billNanoUsd());
    });
    expect(provider.requests).toHaveLength(1);
  });
});

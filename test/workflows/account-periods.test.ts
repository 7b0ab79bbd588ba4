import { randomUUID } from "node:crypto";
import { expect, test } from "@jest/globals";
import { TestWorkflowEnvironment } from "@temporalio/testing";
import type { BalanceView } from "../../core/account.js";
import { startAgentWorker } from "../harness/agent-worker.js";
import { plainModels } from "../harness/plain-models.js";
import { describeWith } from "../harness/real-part.js";

// A call costs $0.0011 at the most and in fact.
const CALL = 1_100_000;

describeWith("time-skipping-server", (path) => {
  test("an account for each day has its whole limit again when the day is over, in UTC", async () => {
    const environment = await TestWorkflowEnvironment.createTimeSkipping({
      server: { executable: { type: "existing-path", path } },
    });
    const worker = await startAgentWorker({
      models: plainModels(() => ({ text: "done" })),
      address: environment.address,
      searchAttributes: false,
    });
    try {
      const name = `daily-${randomUUID()}`;
      const account = await worker.client.workflow.start("budgetAccount", {
        taskQueue: worker.taskQueue,
        workflowId: `budget:${name}`,
        args: [{ account: name, limitUsd: "0.0012", period: "day" }],
      });
      const balance = async () => await account.query<BalanceView>("balance");
      const spend = async () => await (await worker.start({ agent: "tester", input: "go", account: name })).result();
      expect(await spend()).toMatchObject({ status: "completed" });
      expect(await spend()).toMatchObject({ status: "budget_exhausted" });
      const today = await balance();
      expect(today).toMatchObject({ spentNanoUsd: CALL, remainingNanoUsd: 100_000, period: "day" });
      await environment.sleep("25h");
      expect(await balance()).toMatchObject({ spentNanoUsd: 0, remainingNanoUsd: 1_200_000 });
      expect((await balance()).periodEndsAt).not.toBe(today.periodEndsAt);
      expect(await spend()).toMatchObject({ status: "completed" });
    } finally {
      await worker.stop();
      await environment.teardown();
    }
  }, 60_000);
});

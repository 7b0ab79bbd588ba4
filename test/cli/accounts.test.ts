import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";
import { wflo, wfloJson } from "./command-line.js";

/* Accounts from the command line: made, looked at, topped up, frozen, and what runs spend of them. A call costs $0.0011. */

let worker: AgentWorker;
const org = `org-${randomUUID()}`;
const team = `${org}/team`;

beforeAll(async () => {
  worker = await startAgentWorker({ models: plainModels(() => ({ text: "done" })) });
});
afterAll(async () => await worker.stop());

describe("wflo budget, for accounts", () => {
  test("makes an account, and one below it for each day", async () => {
    const { document } = await wfloJson(["budget", "set", org, "1"], worker);
    expect(document).toMatchObject({ account: org, limitNanoUsd: 1_000_000_000, period: "total", holders: 0 });
    const below = await wfloJson(["budget", "set", team, "0.0025", "--per", "day", "--parent", org], worker);
    expect(below.document).toMatchObject({
      account: team,
      parent: org,
      period: "day",
      periodEndsAt: expect.stringMatching(/T00:00:00.000Z$/),
    });
  });

  test("lets runs spend of it up to its limit, and shows what they spent, in the account above too", async () => {
    for (const exitCode of [0, 0, 3]) {
      expect(await wflo(["run", "tester", "hello", "--account", team], worker)).toMatchObject({ exitCode });
    }
    const { document } = await wfloJson<object[]>(["budget", "show", team], worker);
    expect(document).toMatchObject([{ spentNanoUsd: 2_200_000, leasedNanoUsd: 0, remainingNanoUsd: 300_000 }]);
    expect((await wflo(["budget", "show", team], worker)).stdout).toMatch(
      /\$0\.0022 spent of \$0\.0025 for the day that ends/,
    );
  });

  test("sets another limit, and tops it up, each on the audit log with who said so", async () => {
    const set = await wfloJson(["budget", "set", team, "0.01", "--by", "ben", "--reason", "launch"], worker);
    expect(set.document).toMatchObject({ limitNanoUsd: 10_000_000 });
    const added = await wfloJson(["budget", "add", team, "0.005", "--by", "ben"], worker);
    expect(added.document).toMatchObject({ account: team, limitNanoUsd: 15_000_000 });
    expect(await wflo(["run", "tester", "hello", "--account", team], worker)).toMatchObject({ exitCode: 0 });
  });

  test("freezes it and lets it go on", async () => {
    expect((await wfloJson(["budget", "freeze", team], worker)).document).toMatchObject({ frozen: true });
    expect((await wfloJson(["budget", "unfreeze", team], worker)).document).toMatchObject({ frozen: false });
  });

  test("has all that was done to it on the audit log, as its history has it", async () => {
    const actions = () =>
      worker.published
        .filter(({ topic, key }) => topic === "wflo.audit" && key === `budget:${team}`)
        .map(({ value }) => (JSON.parse(value) as { action: string }).action);
    const changes = Array.from({ length: 5 }, () => "budget.changed");
    await eventually(() => expect(actions()).toEqual(["account.opened", ...changes]));
    const { document } = await wfloJson(["audit", "verify", `budget:${team}`], worker);
    expect(document).toMatchObject({ ok: true, runs: [{ ok: true, records: 6, history: "whole" }] });
  });

  test.each<[string, string[], RegExp]>([
    ["an unknown parent", ["budget", "set", "lonely", "1", "--parent", "nobody"], /parent: there is no account nobody/],
    [
      "an account as its own parent",
      ["budget", "set", "own", "1", "--parent", "own"],
      /parent: must be another account/,
    ],
    ["a name that is none", ["budget", "set", "Not This", "1"], /account's path such as acme\/search/],
    ["an amount beyond all bounds", ["budget", "set", org, "1e400"], /1e400/],
    ["twenty decimals", ["budget", "set", org, "0.00000000000000000001"], /nine decimals/],
    ["a negative amount", ["budget", "set", org, "--", "-1"], /-1/],
    ["a period that is none", ["budget", "set", org, "1", "--per", "week"], /day, month, total/],
  ])("says what is wrong with %s", async (_, argv, message) => {
    const { exitCode, stderr } = await wflo(argv, worker);
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(2);
  });

  test("changes nothing where an account is there with another period", async () => {
    const { exitCode, stderr } = await wflo(["budget", "set", team, "5", "--per", "month"], worker);
    expect(stderr).toContain(`the account ${team} is there with the period day`);
    expect(exitCode).not.toBe(0);
    const { document } = await wfloJson<object[]>(["budget", "show", team], worker);
    expect(document).toMatchObject([{ limitNanoUsd: 15_000_000 }]);
  });

  test("has a parent above itself refused, whoever makes it", async () => {
    const { client, taskQueue } = worker;
    const looped = await client.workflow.start("budgetAccount", {
      taskQueue,
      workflowId: `budget:${org}-loop`,
      args: [{ account: `${org}-loop`, limitUsd: "1", parent: `${org}-loop` }],
    });
    await expect(looped.result()).rejects.toMatchObject({ cause: { type: "InvalidInput" } });
  });
});

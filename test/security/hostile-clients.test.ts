import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { BalanceView } from "../../core/account.js";
import { QUERIES, SIGNALS, UPDATES } from "../../core/messages.js";
import { wflo, wfloJson } from "../cli/command-line.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";
import { amount, SEED } from "./amount.js";
import { ADVERSARIAL, json, randomDocuments, UNREADABLE } from "./payloads.js";
import { rawClient } from "./raw-client.js";

/* Whoever may write to the namespace sends anything at all: nothing of it stops a run or an account, moves money, or
 * decides a gate; what is wrong is refused by name, and on record. */

let worker: AgentWorker;
beforeEach(async () => {
  const models = plainModels(({ turn }) =>
    turn === 1 ? { toolCalls: [{ id: "c1", name: "deploy", args: {} }] } : { text: "It is out." },
  );
  const deploy = { name: "deploy", safe: false, execute: async () => ({ version: 7 }) };
  worker = await startAgentWorker({ models, tools: [deploy] });
});
afterEach(async () => await worker.stop());

const input = { agent: "tester", input: "Deploy it.", budget: { limitUsd: "1" }, approvals: { approvers: ["ana"] } };

/** What does not fit in a run's audit log. */
async function auditProblems(workflowId: string): Promise<readonly unknown[]> {
  interface Report {
    readonly runs: readonly { readonly ok: boolean; readonly problem?: string; readonly history: string }[];
  }
  const { document } = await wfloJson<Report>(["audit", "verify", workflowId], worker);
  expect(document.runs).toHaveLength(1);
  return document.runs.filter(({ ok, history }) => !ok || history !== "whole");
}

/** A run that asks for an approval, and somebody who speaks to it. */
async function askingRun() {
  const run = await worker.start(input);
  const gates = async () => await run.query<readonly { state: string; decisions: readonly object[] }[]>("approvals");
  await eventually(async () => expect(await gates()).toHaveLength(1));
  return { run, gates, raw: rawClient(worker.client, run.workflowId) };
}

const budgetOf = async (run: Awaited<ReturnType<typeof askingRun>>["run"]) => {
  const { limitNanoUsd, spentNanoUsd, remainingNanoUsd } = await run.query<Record<string, number>>("budget");
  return { limitNanoUsd, spentNanoUsd, remainingNanoUsd };
};

describe("a run that waits for an approval", () => {
  test("takes every unreadable and adversarial signal, query and update, and says no", async () => {
    const { run, gates, raw } = await askingRun();
    const before = await budgetOf(run);
    const documents = [...UNREADABLE, ...ADVERSARIAL.map(([name, text]) => [name, json(text)] as const)];
    for (const [, payload] of documents) {
      // Who pauses needs no name, so a document can pause a run; it says so and goes on when it is told to.
      for (const name of SIGNALS) if (name !== "pause") await raw.signal(name, payload);
    }
    for (const [, payload] of UNREADABLE) await raw.signal("pause", payload);
    const answered: string[] = [];
    for (const [what, payload] of documents) {
      for (const name of UPDATES) if ((await raw.update(name, payload)).answered) answered.push(`${name}: ${what}`);
    }
    expect(answered).toEqual([]);
    for (const [, payload] of UNREADABLE) for (const name of QUERIES) await raw.query(name, payload);
    expect(await gates()).toMatchObject([{ state: "pending", decisions: [] }]);
    expect(await budgetOf(run)).toEqual(before);
    await wellEnding(run, raw);
    expect(await auditProblems(run.workflowId)).toEqual([]);
  }, 120_000);

  test("takes random documents as any command", async () => {
    const { run, raw } = await askingRun();
    const documents = randomDocuments(amount({ quick: 25, full: 400 }), SEED);
    for (const [index, text] of documents.entries()) {
      await raw.signal(SIGNALS[index % SIGNALS.length] as string, json(text));
      await raw.update(UPDATES[index % UPDATES.length] as string, json(text));
    }
    await wellEnding(run, raw);
    expect(await auditProblems(run.workflowId)).toEqual([]);
  }, 120_000);

  test("has no command of a name that it does not have", async () => {
    const { run, raw } = await askingRun();
    for (const name of ["__proto__", "constructor", "toString", "deploy", "x".repeat(900), "../approve", "approve\n"]) {
      await raw.signal(name, json("{}"));
      expect(await raw.update(name, json("{}"))).toMatchObject({ answered: false });
      expect(await raw.query(name, json("{}"))).toMatchObject({ answered: false });
    }
    await wellEnding(run, raw);
  });

  test("is not stopped by signals as large as the server takes", async () => {
    const { run, raw } = await askingRun();
    const large = json(JSON.stringify({ text: "x".repeat(1_900_000), by: "eve" }));
    for (const name of SIGNALS) await raw.signal(name, large);
    await raw.signal("resume", json("{}"));
    await wellEnding(run, raw);
  });

  test("is shown without anything that a name or a comment does to a terminal", async () => {
    const { run, raw } = await askingRun();
    const nasty = "\u001b[2J\u001b]0;owned\u0007<script>alert(1)</script>\r\u202e";
    await raw.signal("pause", json(JSON.stringify({ by: nasty })));
    await raw.signal("approve", json(JSON.stringify({ gate: "g1", by: nasty, comment: nasty })));
    await raw.signal("resume", json(JSON.stringify({ by: nasty })));
    for (const command of [["show"], ["approvals"], ["transcript"], ["budget", "show"]]) {
      const { stdout, stderr } = await wflo([...command, run.workflowId], worker);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
      expect(stdout + stderr).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f\u009b]/);
    }
    await wellEnding(run, raw);
  });

  async function wellEnding(run: Awaited<ReturnType<typeof askingRun>>["run"], raw: ReturnType<typeof rawClient>) {
    // Whatever a right word among the wrong ones has done.
    await raw.signal("budgetCheck", json('{"limitUsd":"9","freeze":false,"by":"ana"}'));
    await raw.signal("resume", json('{"by":"ana"}'));
    expect(await raw.update("decideApproval", json('{"gate":"g1","decision":"approve","by":"ana"}'))).toEqual({
      answered: true,
    });
    expect((await run.result()).output).toBe("It is out.");
    const { events } = await run.fetchHistory();
    expect(events?.filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([]);
  }
});

describe("what is started with anything at all fails, and says why:", () => {
  const inputs = [...UNREADABLE, ...ADVERSARIAL.map(([name, text]) => [name, json(text)] as const)];
  test.each(["agentRun", "budgetAccount"])(
    "%s",
    async (type) => {
      const outcomes = inputs.map(async ([name, payload]) => {
        const workflowId = `hostile-${randomUUID()}`;
        await worker.client.workflowService.startWorkflowExecution({
          ...{ namespace: "default", workflowId, requestId: workflowId },
          ...{ workflowType: { name: type }, taskQueue: { name: worker.taskQueue } },
          input: { payloads: [payload as never] },
          memo: { fields: { note: payload as never } },
        });
        const failure = await worker.client.workflow
          .getHandle(workflowId)
          .result()
          .catch((error: unknown) => error);
        const cause = (failure as { cause?: { type?: string } }).cause;
        return [name, cause?.type];
      });
      expect(await Promise.all(outcomes)).toEqual(inputs.map(([name]) => [name, "InvalidInput"]));
      // Nor is anybody kept from seeing the others by their memos.
      expect(await wflo(["runs"], worker)).toMatchObject({ exitCode: 0 });
      expect(await wflo(["budget", "show"], worker)).toMatchObject({
        exitCode: expect.any(Number),
        stderr: expect.not.stringContaining("encoding"),
      });
    },
    120_000,
  );
});

test("an account takes anything as any command, and keeps its books", async () => {
  const account = `hostile-${randomUUID()}`;
  await wflo(["budget", "set", account, "5"], worker);
  const raw = rawClient(worker.client, `budget:${account}`);
  const handle = worker.client.workflow.getHandle(`budget:${account}`);
  const texts = [...ADVERSARIAL.map(([, text]) => text), ...randomDocuments(amount({ quick: 20, full: 300 }), SEED)];
  const payloads = [...UNREADABLE.map(([, payload]) => payload), ...texts.map(json)];
  for (const payload of payloads) {
    for (const name of ["lease", "budgetCheck"]) await raw.signal(name, payload);
    for (const name of ["setLimit", "addBudget"]) {
      expect([name, payload, (await raw.update(name, payload)).answered]).toEqual([name, payload, false]);
    }
    for (const name of ["freeze", "unfreeze"]) await raw.update(name, payload);
  }
  await raw.update("unfreeze", json('{"by":"ana"}'));
  const balance = await handle.query<BalanceView>("balance");
  expect(balance).toMatchObject({ limitNanoUsd: 5_000_000_000, spentNanoUsd: 0, leasedNanoUsd: 0, frozen: false });
  const { events } = await handle.fetchHistory();
  expect(events?.filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([]);
  await handle.terminate();
}, 120_000);

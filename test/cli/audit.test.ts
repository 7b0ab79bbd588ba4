import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type AuditRecord, openChain } from "../../core/audit.js";
import { digestOf } from "../../core/digest.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";
import { wflo, wfloJson } from "./command-line.js";

/* What `wflo audit verify` says of logs that are as two runs left them, and of logs that somebody has been at. */

let worker: AgentWorker;
const ended = `ended-${randomUUID()}`;
const open = `open-${randomUUID()}`;

beforeAll(async () => {
  const models = plainModels(({ turn }) =>
    turn < 3 ? { toolCalls: [{ id: `c${turn}`, name: "deploy", args: {} }] } : { text: "It is out." },
  );
  const tools = [{ name: "deploy", safe: false, execute: async () => ({ version: 7 }) }];
  worker = await startAgentWorker({ models, tools });
  for (const id of [ended, open]) {
    await wflo(["run", "tester", "Deploy it.", "--id", id, "--budget", "1", "--detach"], worker);
    await asked(id, "g1");
    await wflo(["approve", id, "g1", "--by", "ana"], worker);
    await asked(id, "g2");
  }
  await wflo(["budget", "add", ended, "0.50", "--by", "ben"], worker);
  await wflo(["approve", ended, "g2", "--by", "ben"], worker);
  expect((await wflo(["watch", ended], worker)).exitCode).toBe(0);
}, 60_000);

afterAll(async () => {
  await wflo(["cancel", open], worker);
  await worker.stop();
});

const asked = async (id: string, gate: string) =>
  await eventually(async () => expect((await wflo(["approvals", id], worker)).stdout).toContain(gate));

const recordsOf = (id: string) =>
  worker.published
    .filter(({ topic, key }) => topic === "wflo.audit" && key === id)
    .map(({ value }) => JSON.parse(value) as AuditRecord);

interface Report {
  readonly ok: boolean;
  readonly runs: readonly { readonly ok: boolean; readonly seq?: number; readonly problem?: string }[];
}

/** What is said of a log with these entries. */
async function verified(entries: readonly unknown[], ...id: readonly string[]) {
  const eventLog = {
    async *read() {
      for (const [index, entry] of entries.entries()) {
        yield { value: typeof entry === "string" ? entry : JSON.stringify(entry), position: String(index) };
      }
    },
  };
  return await wfloJson<Report>(["audit", "verify", ...id], worker, { ports: { eventLog } });
}

/** The log as somebody writes it who knows how: every hash made anew, so that it is a good chain by itself. */
function forged(records: readonly AuditRecord[]): readonly AuditRecord[] {
  const [{ workflowId, firstRunId }] = records as [AuditRecord];
  let { head } = openChain(workflowId, firstRunId);
  return records.map((record, index) => {
    const { hash: _, ...body } = { ...record, seq: index + 1, prev: head };
    head = digestOf(body);
    return { ...body, hash: head };
  });
}

const ACTIONS = [
  ...["run.started", "approval.requested", "approval.approve", "approval.requested"],
  ...["budget.changed", "approval.approve", "run.ended"],
];

describe("an honest log", () => {
  test("is found to be what the run's history has, up to the head in its result", async () => {
    expect(recordsOf(ended).map(({ action }) => action)).toEqual(ACTIONS);
    const { exitCode, document } = await wfloJson(["audit", "verify", ended], worker);
    expect({ exitCode, document }).toEqual({
      exitCode: 0,
      document: {
        ok: true,
        runs: [
          {
            workflowId: ended,
            firstRunId: recordsOf(ended)[0]?.firstRunId,
            records: 7,
            endKnown: true,
            history: "whole",
            goesOn: false,
            ok: true,
          },
        ],
      },
    });
    expect((await wflo(["audit", "verify", ended], worker)).stdout).toMatch(/^ended-\S+ +7 +ok$/m);
  });

  test("of a run that goes on is good so far", async () => {
    const { stdout, exitCode } = await wflo(["audit", "verify", open], worker);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/4 +ok so far \(more is to come\)$/m),
    });
  });

  test("is good for all its runs together", async () => {
    const { exitCode, document } = await wfloJson<Report>(["audit", "verify"], worker);
    expect([exitCode, document.runs.map(({ ok }) => ok)]).toEqual([0, [true, true]]);
  });

  test("has records twice where they were stored twice", async () => {
    const records = recordsOf(ended);
    expect((await verified([...records.slice(0, 3), ...records], ended)).exitCode).toBe(0);
  });

  test("is good by itself where Temporal has forgotten the run", async () => {
    const { head } = openChain("gone", "gone-1");
    const body = { at: "2026-11-25T00:00:00.000Z", workflowId: "gone", firstRunId: "gone-1", action: "run.started" };
    const record = { ...body, facts: {}, seq: 1, prev: head };
    const { exitCode, document } = await verified([{ ...record, hash: digestOf(record) }], "gone");
    expect({ exitCode, document }).toMatchObject({ exitCode: 0, document: { runs: [{ ok: true, history: "none" }] } });
  });
});

type Tamper = (records: readonly AuditRecord[]) => readonly unknown[];
const eve = (records: readonly AuditRecord[], seq: number) =>
  records.map((record) => (record.seq === seq ? { ...record, by: "eve" } : record));
const own = (records: readonly AuditRecord[], action: string): AuditRecord => ({
  ...(records[0] as AuditRecord),
  action,
  by: "eve",
  facts: {},
});

describe("a log that somebody has been at is found, and told by the number of the record:", () => {
  test.each<[string, Tamper, number, string]>([
    ["changed", (log) => eve(log, 3), 3, 'record 3 was changed: by is "eve", and "ana" in the run\'s history'],
    [
      "taken out",
      (log) => log.filter(({ seq }) => seq !== 5),
      5,
      "record 5 is missing; record 6 stands in its place; the run's history has it (budget.changed by ben)",
    ],
    [
      "taken off the end",
      (log) => log.slice(0, -1),
      7,
      "record 7 (run.ended) is missing; the run's history has it, and the log had taken it",
    ],
    [
      "put elsewhere",
      (log) => [log[0], log[2], log[1], ...log.slice(3)],
      2,
      "record 2 is missing; record 3 stands in its place; it stands in another place of the log",
    ],
    ["put in", (log) => [...log.slice(0, 2), own(log, "run.paused"), ...log.slice(2)], 3, "record 3 is missing"],
    ["made unreadable", (log) => [...log.slice(0, 2), "{", ...log.slice(3)], 3, "record 3 is missing"],
    ["all taken out", () => [], 1, "is WFLO_STATE here the workers' own?"],
  ])("%s", async (_what, tamper, seq, problem) => {
    const { exitCode, document } = await verified(tamper(recordsOf(ended)), ended);
    expect({ exitCode, document }).toMatchObject({
      exitCode: 1,
      document: { ok: false, runs: [{ ok: false, seq, problem: expect.stringContaining(problem) }] },
    });
  });

  test("in words for people", async () => {
    const { exitCode, stdout } = await wflo(["audit", "verify", ended], worker, {
      ports: { eventLog: { read: async function* () {} } },
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: expect.stringContaining("BROKEN at record 1: ") });
  });
});

describe("a log that is good by itself, with all its hashes made anew, is compared with the run's history:", () => {
  test.each<[string, Tamper, number, string]>([
    [
      "somebody else decides",
      (log) => forged(eve(log, 3)),
      3,
      'record 3 was rewritten: by is "eve", and "ana" in the run\'s history',
    ],
    [
      "nobody changes the budget",
      (log) => forged(log.filter(({ seq }) => seq !== 5)),
      5,
      "record 5 was rewritten: the log has approval.approve by ben, the run's history budget.changed by ben",
    ],
    ["it ends earlier", (log) => forged(log.slice(0, 6)), 7, "record 7 (run.ended) is missing"],
    [
      "something happens besides",
      (log) => forged([...log, own(log, "run.resumed")]),
      8,
      "record 8 (run.resumed by eve) was added; the run's history has none there",
    ],
    [
      "two records change places",
      (log) => forged([...log.slice(0, 4), log[5] as AuditRecord, log[4] as AuditRecord, ...log.slice(6)]),
      5,
      "record 5 was rewritten: the log has approval.approve by ben",
    ],
  ])("%s", async (_what, tamper, seq, problem) => {
    const { exitCode, document } = await verified(tamper(recordsOf(ended)), ended);
    expect({ exitCode, document }).toMatchObject({
      exitCode: 1,
      document: { ok: false, runs: [{ ok: false, seq, problem: expect.stringContaining(problem) }] },
    });
  });

  test("also of a run that goes on", async () => {
    const log = recordsOf(open);
    const changed = await verified(forged(eve(log, 3)), open);
    expect(changed.document.runs[0]).toMatchObject({
      ok: false,
      seq: 3,
      problem: expect.stringContaining('by is "eve"'),
    });
    const added = await verified(forged([...log, own(log, "run.paused")]), open);
    expect(added.document.runs[0]).toMatchObject({ ok: false, seq: 5, problem: expect.stringContaining("was added") });
    const shorter = await verified(forged(log.slice(0, 2)), open);
    expect(shorter.document.runs[0]).toMatchObject({
      ok: false,
      seq: 3,
      problem: expect.stringContaining("is missing"),
    });
  });
});

test("what is no record of any run is told, and makes the log as a whole no good one", async () => {
  const { exitCode, document, stderr } = await verified([...recordsOf(ended), "null", { action: "run.started" }]);
  expect([exitCode, document.ok, document.runs.map(({ ok }) => ok)]).toEqual([1, false, [true]]);
  expect(stderr).toContain("position 7 that is no record");
  expect(stderr).toContain("position 8 that is no record");
});

test("a run that was reset has what it did before in the log too, and that is said", async () => {
  const id = `reset-${randomUUID()}`;
  await wflo(["run", "tester", "Deploy it.", "--id", id, "--detach"], worker);
  await asked(id, "g1");
  await wflo(["reject", id, "g1", "--by", "ana"], worker);
  await eventually(async () => expect((await wflo(["audit", "verify", id], worker)).stdout).toMatch(/ ok$/m));
  const { client } = worker;
  const { events } = await client.workflow.getHandle(id).fetchHistory();
  const task = events?.find((event) => event.workflowTaskCompletedEventAttributes);
  await client.workflowService.resetWorkflowExecution({
    namespace: "default",
    workflowExecution: { workflowId: id },
    reason: "another try",
    requestId: randomUUID(),
    workflowTaskFinishEventId: task?.eventId ?? null,
  });
  await eventually(async () => {
    const { stdout, exitCode } = await wflo(["audit", "verify", id], worker);
    expect(stdout).toMatch(/BROKEN at record \d+: .*; the run was reset, so the log may have it twice from there on/);
    expect(exitCode).toBe(1);
  });
});

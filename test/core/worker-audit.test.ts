import { expect, test } from "@jest/globals";
import { type AuditRecord, appendRecord, openChain } from "../../core/audit.js";
import { digestOf } from "../../core/digest.js";
import {
  type CheckSignature,
  HEADS_SIGNED,
  headMisfit,
  headsOf,
  openWorkerChain,
  signedText,
  verifyWorkers,
  type WorkerRecord,
} from "../../core/worker-audit.js";

const name = { worker: "7@host", boot: "b1" };
const run = { workflowId: "orders/1", firstRunId: "r1" };
const at = (minute: number) => `2026-08-22T10:${String(minute).padStart(2, "0")}:00.000Z`;

/** Signs as "k1"; what "k1" has signed is its text in brackets. */
const check: CheckSignature = (key, text, signature) => {
  if (key !== "k1") return "unknown key";
  return signature === `[${text}]` ? "good" : "wrong";
};

const runRecords = (count: number): readonly AuditRecord[] => {
  let chain = openChain(run.workflowId, run.firstRunId);
  return Array.from({ length: count }, (_, index) => {
    const next = appendRecord(chain, { at: at(index + 1), ...run, action: `step.${index}`, facts: {} });
    chain = next.chain;
    return next.record;
  });
};

/** A worker that starts, and then publishes the run's records in these parts. */
function worker(records: readonly AuditRecord[], ends: readonly number[], key: string | null = "k1") {
  let chain = openWorkerChain(name);
  const written: WorkerRecord[] = [];
  const append = (minute: number, action: string, facts: object) => {
    const fact = { ...name, at: at(minute), action, facts: facts as never, ...(key ? { key } : {}) };
    const next = appendRecord(chain, fact);
    chain = next.chain;
    written.push({ ...next.record, ...(key ? { signature: `[${signedText(next.record.hash)}]` } : {}) });
  };
  append(0, "worker.started", { version: "1" });
  for (const end of ends) append(end, HEADS_SIGNED, { heads: headsOf(records.slice(0, end)) });
  return written as [WorkerRecord, WorkerRecord, WorkerRecord, WorkerRecord];
}

const records = runRecords(5);
const [w1, w2, w3, w4] = worker(records, [2, 3, 5]);
const whole = [w1, w2, w3, w4];

test("a worker's records fit in any order and again, and its signatures hold", () => {
  for (const log of [whole, [w4, w1, w3, w2], [...whole, w2, w2]]) {
    const verdict = verifyWorkers(log, check);
    expect(verdict).toMatchObject({ problems: [], workers: 1, signedSince: at(0) });
    expect(headMisfit(records, run, verdict)).toBeUndefined();
  }
  expect(verifyWorkers([], check)).toEqual({ problems: [], workers: 0, heads: new Map() });
});

const forged = (change: Partial<WorkerRecord>): WorkerRecord => {
  const { hash: _, ...body } = { ...w2, ...change };
  const { signature, ...signed } = body;
  return { ...signed, hash: digestOf(signed), ...(signature === undefined ? {} : { signature }) };
};
const { signature: _, ...unsigned } = w2;

test.each<[string, readonly WorkerRecord[], number, string]>([
  ["one is missing", [w1, w3, w4], 2, "record 2 is missing; record 3 stands in its place"],
  ["the first is missing", [w2, w3, w4], 1, "record 1 is missing"],
  ["one was changed", [w1, { ...w2, facts: {} }, w3, w4], 2, "record 2 was changed"],
  ["one was changed and hashed anew", [w1, forged({ facts: {} }), w3, w4], 2, "the signature of record 2 is wrong"],
  ["a signature is gone", [w1, unsigned, w3, w4], 2, "record 2 has no signature"],
  [
    "another key signed",
    [w1, forged({ key: "k2" }), w3, w4],
    2,
    "signed with the key k2, which is not among the trusted ones",
  ],
  ["one follows another", [w1, forged({ prev: w3.hash }), w3, w4], 2, "record 2 does not follow the one before it"],
])("a worker's record that does not fit is named: %s", (_name, log, seq, problem) => {
  const verdict = verifyWorkers(log, check);
  expect(verdict.problems).toEqual([{ worker: "7@host", seq, problem: expect.stringContaining(problem) }]);
});

test("without keys the chain alone is looked at", () => {
  expect(verifyWorkers(whole)).toEqual({ problems: [], workers: 1, heads: new Map() });
  expect(verifyWorkers([w1, forged({ facts: {} }), w3]).problems).toMatchObject([{ seq: 3 }]);
});

test("a run that was cut, or written anew, is missed by the worker that published it", () => {
  const verdict = verifyWorkers(whole, check);
  expect(headMisfit(records.slice(0, 4), run, verdict)).toEqual({
    seq: 5,
    problem: "record 5 is missing; a worker has signed that there were 5",
  });
  expect(headMisfit([], run, verdict)).toMatchObject({ seq: 1 });
  const other = runRecords(2).map((record) => ({ ...record, hash: digestOf(record.seq) }));
  expect(headMisfit(other, run, verdict)).toEqual({
    seq: 2,
    problem: "record 2 was rewritten; a worker has signed another one",
  });
});

test("records behind what was signed are named, but not those from before there was a key", () => {
  const verdict = verifyWorkers([w1, w2, w3], check);
  expect(headMisfit(records, run, verdict)).toEqual({ seq: 4, problem: "record 4 is signed by nobody" });
  const others = verifyWorkers(worker(records, [], "k1"), check);
  const before = records.map((record) => ({ ...record, at: "2026-08-21T00:00:00.000Z" }));
  expect(headMisfit(before, run, others)).toBeUndefined();
  expect(headMisfit(records, run, verifyWorkers(worker(records, [2], null), check))).toBeUndefined();
});

test("a key that nobody trusts makes no head", () => {
  const verdict = verifyWorkers(worker(records, [5], "k2"), check);
  expect(verdict.heads.size).toBe(0);
  expect(verdict.problems).toHaveLength(1);
});

test("a log of many is looked at in one go", () => {
  const many = runRecords(2_000);
  const verdict = verifyWorkers(
    worker(
      many,
      Array.from({ length: 1_000 }, (_, index) => 2 * (index + 1)),
    ),
    check,
  );
  expect(headMisfit(many, run, verdict)).toBeUndefined();
  expect(headMisfit(many.slice(0, -1), run, verdict)).toMatchObject({ seq: 2_000 });
});

import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { type AuditChain, type AuditRecord, appendRecord, openChain, verifyChain } from "../../core/audit.js";
import { digestOf } from "../../core/digest.js";
import type { JsonObject } from "../../core/json.js";

const run = { workflowId: "orders/1", firstRunId: "run-1" };
const at = "2026-08-22T10:00:00.000Z";

function chainOf(count: number, who = run): { chain: AuditChain; records: readonly AuditRecord[] } {
  let chain = openChain(who.workflowId, who.firstRunId);
  const records: AuditRecord[] = [];
  for (let seq = 1; seq <= count; seq += 1) {
    const by = seq % 2 === 0 ? { by: "ana" } : {};
    const appended = appendRecord(chain, {
      at,
      ...who,
      action: `step.${seq}`,
      ...by,
      facts: { seq, note: "ü", list: [1] },
    });
    chain = appended.chain;
    records.push(appended.record);
  }
  return { chain, records };
}

/** The chain as somebody would forge it: with a record changed, and all hashes made anew. */
function forged(records: readonly AuditRecord[], change: (record: AuditRecord) => AuditRecord): readonly AuditRecord[] {
  let head = openChain(run.workflowId, run.firstRunId).head;
  return records.map((record) => {
    const { hash: _, ...body } = { ...change(record), prev: head };
    head = digestOf(body);
    return { ...body, hash: head };
  });
}

const { chain, records } = chainOf(5);
const [r1, r2, r3, r4, r5] = records as [AuditRecord, AuditRecord, AuditRecord, AuditRecord, AuditRecord];
const other = chainOf(5, { ...run, firstRunId: "run-2" });

test.each<[string, readonly AuditRecord[], AuditChain | undefined]>([
  ["as it was written", records, chain],
  ["as it was written, its end not known", records, undefined],
  ["as a log has it that stores batches again", [r1, r2, r1, r2, r3, r3, r2, r4, r5, r4, r5], chain],
  ["so far, its end not known", [r1, r2], undefined],
  ["of a run that wrote nothing", [], openChain(run.workflowId, run.firstRunId)],
  ["of nothing, its end not known", [], undefined],
])("a chain is good %s", (_, log, end) => {
  expect(verifyChain(log, end)).toEqual({ ok: true });
});

test.each<[string, readonly AuditRecord[], AuditChain | undefined, number, RegExp]>([
  ["the first record dropped", [r2, r3, r4, r5], chain, 1, /^record 1 is missing; record 2 stands in its place/],
  ["a record dropped", [r1, r2, r4, r5], chain, 3, /^record 3 is missing; record 4 stands in its place/],
  ["two records swapped", [r1, r3, r2, r4, r5], chain, 2, /^record 2 is missing; record 3 stands in its place/],
  ["the last record dropped", [r1, r2, r3, r4], chain, 5, /^record 5 is missing; the run wrote 5, the log has 4/],
  ["all records dropped", [], chain, 1, /^record 1 is missing; the run wrote 5, the log has 0/],
  ["a record too many", [...records, ...chainOf(6).records.slice(5)], chain, 6, /^record 6 was added; the run wrote 5/],
  ["a record where there was none", [r1], openChain(run.workflowId, run.firstRunId), 1, /^record 1 was added/],
  ["a changed record", [r1, { ...r2, by: "eve" }, r3, r4, r5], undefined, 2, /^record 2 was changed/],
  ["a changed hash", [r1, { ...r2, hash: r3.hash }, r3, r4, r5], undefined, 2, /^record 2 was changed/],
  ["a copy that differs", [r1, r2, { ...r1, by: "eve" }, r3], undefined, 3, /^record 3 is missing; record 1 stands/],
  ["a record of another run", [r1, other.records[1] as AuditRecord, r3], undefined, 2, /^record 2 does not follow/],
  ["another run's chain", other.records, chain, 5, /^record 5 was rewritten; the run's chain ends in sha256:/],
  ["another run's record instead of none", other.records, openChain("orders/1", "run-1"), 1, /belong to another run/],
  [
    "a forged chain",
    forged(records, (one) => (one.seq === 2 ? { ...one, by: "eve" } : one)),
    chain,
    5,
    /^record 5 was rewritten/,
  ],
  ["no record at all", [null as unknown as AuditRecord], undefined, 1, /in the place of record 1 is no audit record/],
  ["a text", [r1, "r2" as unknown as AuditRecord], undefined, 2, /in the place of record 2 is no audit record/],
  ["a list", [r1, [] as unknown as AuditRecord], undefined, 2, /^record 2 is missing; record undefined/],
  ["what no JSON is", [{ ...r1, facts: { depth: nested(200) } }], undefined, 1, /is no audit record/],
])("%s is named", (_, log, end, seq, problem) => {
  expect(verifyChain(log, end)).toEqual({ ok: false, seq, problem: expect.stringMatching(problem) });
});

function nested(depth: number): JsonObject {
  return depth === 0 ? {} : { inner: nested(depth - 1) };
}

test("no member of any record can be changed, added or taken away unseen", () => {
  const paths = records.flatMap((record, index) => Object.keys(record).map((name) => [index, name] as const));
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue(), ([index, name], value) => {
      const record = records[index] as AuditRecord & Record<string, unknown>;
      fc.pre(JSON.stringify(value) !== JSON.stringify(record[name]));
      const { [name]: _, ...without } = record;
      for (const changed of [{ ...record, [name]: value }, { ...record, [`${name}x`]: value }, without]) {
        const log = records.with(index, changed as unknown as AuditRecord);
        const verdict = verifyChain(log, chain);
        expect([verdict.ok, verdict.ok ? 0 : verdict.seq]).toEqual([false, index + 1]);
      }
    }),
  );
});

test("no byte of a record's line can be changed unseen", () => {
  fc.assert(
    fc.property(fc.nat(4), fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (index, place, character) => {
      const line = JSON.stringify(records[index]);
      const changed = `${line.slice(0, place % line.length)}${character}${line.slice((place % line.length) + 1)}`;
      const read = parsed(changed);
      fc.pre(read !== undefined && JSON.stringify(read) !== line);
      const verdict = verifyChain(records.with(index, read as AuditRecord), chain);
      expect([verdict.ok, verdict.ok ? 0 : verdict.seq]).toEqual([false, index + 1]);
    }),
    { numRuns: 2_000 },
  );
});

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

test("whatever a log holds, verifying it names something and never throws", () => {
  const anything = fc.oneof(fc.anything({ withBigInt: true, withMap: true }), fc.constantFrom<unknown>(...records));
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 8 }), (log) => {
      const verdict = verifyChain(log as readonly AuditRecord[], chain);
      if (!verdict.ok) expect(verdict.problem).toMatch(/record \d+/);
      else expect(new Set(log)).toEqual(new Set(records));
    }),
  );
});

test("a chain carried as JSON goes on where it was", () => {
  const carried = JSON.parse(JSON.stringify(chain)) as AuditChain;
  const fact = { at, ...run, action: "run.ended", facts: {} };
  expect(appendRecord(carried, fact)).toEqual(appendRecord(chain, fact));
  expect(verifyChain([...records, appendRecord(carried, fact).record])).toEqual({ ok: true });
});

import { digestOf } from "./digest.js";
import type { JsonObject } from "./json.js";
import type { BlobAddress } from "./transcript.js";

/** Where a run's chain of records stands. */
export interface AuditChain {
  readonly head: BlobAddress;
  readonly records: number;
}

/** What happened, as it enters the chain. */
export interface AuditFact {
  readonly at: string;
  readonly workflowId: string;
  readonly firstRunId: string;
  readonly action: string;
  readonly by?: string;
  readonly facts: JsonObject;
}

/** A fact in its place: `hash` is over everything else, `prev` is the record before. */
export interface AuditRecord extends AuditFact {
  readonly seq: number;
  readonly prev: BlobAddress;
  readonly hash: BlobAddress;
}

/** The head of a chain without records: bound to the run, so that no record fits another run's chain. */
export function openChain(workflowId: string, firstRunId: string): AuditChain {
  return { head: digestOf({ workflowId, firstRunId }), records: 0 };
}

export function appendRecord(
  chain: AuditChain,
  fact: AuditFact,
): { readonly chain: AuditChain; readonly record: AuditRecord } {
  const body = { ...fact, seq: chain.records + 1, prev: chain.head };
  const record = { ...body, hash: digestOf(body) };
  return { chain: { head: record.hash, records: record.seq }, record };
}

/** Recomputes a run's chain, and names the first record that does not fit. `end` is the head that the run's result has. */
export function verifyChain(
  records: readonly AuditRecord[],
  end?: AuditChain,
): { readonly ok: true } | { readonly ok: false; readonly seq: number; readonly problem: string } {
  const first = records[0];
  let chain = first ? openChain(first.workflowId, first.firstRunId) : undefined;
  for (const [index, record] of records.entries()) {
    const seq = index + 1;
    const { hash, ...body } = record;
    if (record.seq !== seq)
      return { ok: false, seq, problem: `record ${seq} is missing; record ${record.seq} stands in its place` };
    if (record.prev !== chain?.head)
      return { ok: false, seq, problem: `record ${seq} does not follow the one before it` };
    if (digestOf(body) !== hash) return { ok: false, seq, problem: `record ${seq} was changed` };
    chain = { head: hash, records: seq };
  }
  if (
    end &&
    (chain?.head !== end.head || chain.records !== end.records) &&
    !(end.records === 0 && records.length === 0)
  ) {
    const seq = records.length + 1;
    return {
      ok: false,
      seq,
      problem: `the run wrote ${end.records} records that end in ${end.head}; the log has ${records.length}`,
    };
  }
  return { ok: true };
}

import { digestOf } from "./digest.js";
import type { JsonObject } from "./json.js";
import { jsonProblem } from "./json-check.js";
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

/** What a chain turned out to be; `seq` is the first record that does not fit. */
export type ChainVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly seq: number; readonly problem: string };

/** The head of a chain without records: bound to the run, so that no record fits another run's chain. */
export function openChain(workflowId: string, firstRunId: string): AuditChain {
  return { head: digestOf({ workflowId, firstRunId }), records: 0 };
}

/** A fact in its place of a chain: of a run, or of a worker. */
export type Chained<Fact> = Fact & Pick<AuditRecord, "seq" | "prev" | "hash">;

export function appendRecord<Fact extends object>(
  chain: AuditChain,
  fact: Fact,
): { readonly chain: AuditChain; readonly record: Chained<Fact> } {
  const body = { ...fact, seq: chain.records + 1, prev: chain.head };
  const record = { ...body, hash: digestOf(body) };
  return { chain: { head: record.hash, records: record.seq }, record };
}

/**
 * Recomputes a run's chain from its records as a log has them, and names the first that does not fit. A record that
 * stands there again, as it was, is no problem: logs store at least once. Never throws, whatever the log holds.
 * @param end the head that the run's result has; without it nobody can tell whether the last records are missing
 */
export function verifyChain(records: readonly AuditRecord[], end?: AuditChain): ChainVerdict {
  const hashes: BlobAddress[] = [];
  for (const record of records) {
    const next = hashes.length + 1;
    if (jsonProblem(record) !== undefined || typeof record !== "object" || record === null) {
      return wrong(next, `what stands in the place of record ${next} is no audit record`);
    }
    const { hash, ...body } = record;
    const isCopy = record.seq < next && hashes[record.seq - 1] === hash && digestOf(body) === hash;
    if (isCopy) continue;
    const problem = misfit(record, next, hashes.at(-1) ?? openChain(record.workflowId, record.firstRunId).head);
    if (problem !== undefined) return wrong(next, problem);
    hashes.push(hash);
  }
  return end ? verifyEnd(records[0], hashes, end) : { ok: true };
}

/** Why a record is not the next of a chain. */
function misfit({ hash, ...body }: AuditRecord, next: number, head: BlobAddress): string | undefined {
  if (body.seq !== next) return `record ${next} is missing; record ${body.seq} stands in its place`;
  if (body.prev !== head) return `record ${next} does not follow the one before it`;
  return digestOf(body) === hash ? undefined : `record ${next} was changed`;
}

function verifyEnd(first: AuditRecord | undefined, hashes: readonly BlobAddress[], end: AuditChain): ChainVerdict {
  const found = hashes.length;
  if (found < end.records) {
    return wrong(found + 1, `record ${found + 1} is missing; the run wrote ${end.records}, the log has ${found}`);
  }
  const head = hashes[end.records - 1] ?? (first ? openChain(first.workflowId, first.firstRunId).head : end.head);
  if (head !== end.head) {
    const words = end.records === 0 ? "the records belong to another run" : `record ${end.records} was rewritten`;
    return wrong(Math.max(1, end.records), `${words}; the run's chain ends in ${end.head}, the log's in ${head}`);
  }
  if (found > end.records) {
    return wrong(end.records + 1, `record ${end.records + 1} was added; the run wrote ${end.records}`);
  }
  return { ok: true };
}

function wrong(seq: number, problem: string): ChainVerdict {
  return { ok: false, seq, problem };
}

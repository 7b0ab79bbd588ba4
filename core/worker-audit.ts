import type { AuditChain, AuditRecord } from "./audit.js";
import { digestOf } from "./digest.js";
import type { JsonObject } from "./json.js";
import { jsonProblem } from "./json-check.js";
import type { BlobAddress } from "./transcript.js";

/*
 * What worker processes put on the audit log of their own: how they were set up, new keys, and the heads of the runs whose
 * records they publish. Each process has a chain; with a key its records are signed, so that nobody else can make one, and
 * a run whose last records were cut off is missed by the chain of the worker that published them.
 */

/** A worker process: its identity in Temporal, and an id of its own. */
export interface WorkerName {
  readonly worker: string;
  readonly boot: string;
}

export interface WorkerFact extends WorkerName {
  readonly at: string;
  readonly action: string;
  readonly facts: JsonObject;
  /** The id of the key that signs. */
  readonly key?: string;
}

/** A fact in its place: `hash` is over all but `signature`, which is over `signedText(hash)`. */
export interface WorkerRecord extends WorkerFact {
  readonly seq: number;
  readonly prev: BlobAddress;
  readonly hash: BlobAddress;
  /** Ed25519, in base64. */
  readonly signature?: string;
}

/** Of runs whose records were published together. */
export const HEADS_SIGNED = "heads.signed";

/** So far a run's chain went when its records were published. */
export interface RunHead extends AuditChain {
  readonly workflowId: string;
  readonly firstRunId: string;
}

/** What is known of a signature. */
export type SignatureVerdict = "good" | "wrong" | "unknown key";

/** Looks at a signature over a text. */
export type CheckSignature = (key: string, text: string, signature: string) => SignatureVerdict;

/** What became of the workers' records. */
export interface WorkersVerdict {
  /** Records that do not fit; empty: all do. */
  readonly problems: readonly { readonly worker: string; readonly seq: number; readonly problem: string }[];
  readonly workers: number;
  /** Heads with a good signature, by run ({@link runKey}). */
  readonly heads: ReadonlyMap<string, readonly RunHead[]>;
  /** When the first good signature was made; undefined: there is none. */
  readonly signedSince?: string;
}

export function openWorkerChain({ worker, boot }: WorkerName): AuditChain {
  return { head: digestOf({ worker, boot }), records: 0 };
}

/** What a signature is over: no other use of the key signs such a text. */
export function signedText(hash: BlobAddress): string {
  return `wflo-audit-v1:${hash}`;
}

/** The heads that a publication of these records has. */
export function headsOf(records: readonly AuditRecord[]): readonly RunHead[] {
  const heads = new Map<string, RunHead>();
  for (const { workflowId, firstRunId, seq, hash } of records) {
    const key = runKey({ workflowId, firstRunId });
    if ((heads.get(key)?.records ?? 0) < seq) heads.set(key, { workflowId, firstRunId, records: seq, head: hash });
  }
  return [...heads.values()];
}

/**
 * Recomputes the workers' chains. Their records may stand in any order, and again: a worker publishes several at once.
 * @param check undefined: no key is trusted, so that the chains alone are looked at
 */
export function verifyWorkers(records: readonly WorkerRecord[], check?: CheckSignature): WorkersVerdict {
  const chains = new Map<string, WorkerRecord[]>();
  for (const record of records) {
    const key = JSON.stringify([record.worker, record.boot]);
    const chain = chains.get(key) ?? [];
    chains.set(key, chain);
    chain.push(record);
  }
  const problems: WorkersVerdict["problems"][number][] = [];
  const heads = new Map<string, RunHead[]>();
  let signedSince: string | undefined;
  for (const chain of chains.values()) {
    const verdict = verifyWorker(chain, check);
    for (const head of verdict.heads) {
      const key = runKey(head);
      const own = heads.get(key) ?? [];
      heads.set(key, own);
      own.push(head);
    }
    if (verdict.problem) problems.push({ worker: String(chain[0]?.worker), ...verdict.problem });
    if (verdict.since !== undefined && (signedSince ?? verdict.since) >= verdict.since) signedSince = verdict.since;
  }
  return { problems, workers: chains.size, heads, ...(signedSince === undefined ? {} : { signedSince }) };
}

/**
 * Compares a run's records with the heads that workers have signed: what they signed is there as it was, and nothing is
 * behind it.
 * @param run its records as the log has them, which fit by themselves
 * @returns the first that does not fit; undefined: none
 */
export function headMisfit(
  run: readonly AuditRecord[],
  name: { readonly workflowId: string; readonly firstRunId: string },
  { heads, signedSince }: WorkersVerdict,
): { readonly seq: number; readonly problem: string } | undefined {
  const hashes = new Map(run.map(({ seq, hash }) => [seq, hash]));
  const own = [...(heads.get(runKey(name)) ?? [])].sort((one, other) => one.records - other.records);
  for (const { records, head } of own) {
    const there = hashes.get(records);
    if (there === head) continue;
    const found = hashes.size;
    if (there === undefined) {
      return {
        seq: found + 1,
        problem: `record ${found + 1} is missing; a worker has signed that there were ${records}`,
      };
    }
    return { seq: records, problem: `record ${records} was rewritten; a worker has signed another one` };
  }
  const signed = own.at(-1)?.records ?? 0;
  const next = run.find(({ seq, at }) => seq > signed && signedSince !== undefined && at >= signedSince);
  return next ? { seq: next.seq, problem: `record ${next.seq} is signed by nobody` } : undefined;
}

interface ChainOutcome {
  readonly heads: readonly RunHead[];
  readonly since?: string;
  readonly problem?: { readonly seq: number; readonly problem: string };
}

function verifyWorker(chain: readonly WorkerRecord[], check: CheckSignature | undefined): ChainOutcome {
  const inOrder = [...chain].sort((one, other) => one.seq - other.seq);
  const [first] = inOrder as [WorkerRecord, ...WorkerRecord[]];
  const heads: RunHead[] = [];
  let since: string | undefined;
  let before = { head: openWorkerChain(first).head, records: 0 };
  for (const record of inOrder) {
    if (record.seq === before.records && record.hash === before.head) continue;
    const problem = misfit(record, before, check);
    if (problem !== undefined) {
      return { heads, problem: { seq: before.records + 1, problem }, ...(since === undefined ? {} : { since }) };
    }
    before = { head: record.hash, records: record.seq };
    if (record.signature === undefined || check === undefined) continue;
    since ??= record.at;
    if (record.action === HEADS_SIGNED) heads.push(...((record.facts.heads ?? []) as unknown as readonly RunHead[]));
  }
  return { heads, ...(since === undefined ? {} : { since }) };
}

function misfit(record: WorkerRecord, before: AuditChain, check: CheckSignature | undefined): string | undefined {
  const next = before.records + 1;
  if (jsonProblem(record) !== undefined) return `what stands in the place of record ${next} is no audit record`;
  const { hash, signature, ...body } = record;
  if (body.seq !== next) return `record ${next} is missing; record ${body.seq} stands in its place`;
  if (body.prev !== before.head) return `record ${next} does not follow the one before it`;
  if (digestOf(body) !== hash) return `record ${next} was changed`;
  if (check === undefined || body.key === undefined) return undefined;
  if (typeof signature !== "string") return `record ${next} has no signature`;
  const verdict = check(String(body.key), signedText(hash), signature);
  if (verdict === "unknown key")
    return `record ${next} is signed with the key ${body.key}, which is not among the trusted ones`;
  return verdict === "good" ? undefined : `the signature of record ${next} is wrong`;
}

/** One text for a run, for maps. */
export function runKey({ workflowId, firstRunId }: Pick<RunHead, "workflowId" | "firstRunId">): string {
  return JSON.stringify([workflowId, firstRunId]);
}

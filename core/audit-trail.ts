import { type AuditChain, type AuditRecord, type ChainVerdict, verifyChain } from "./audit.js";
import { type Deed, matchDeeds } from "./audit-deeds.js";
import { clipped } from "./clip.js";
import { canonicalJson } from "./digest.js";
import { jsonProblem } from "./json-check.js";

/** What a run's histories say of its records. */
export interface AuditTrail {
  /** Every record that left the run, in order, each once: they travel in the inputs of its steps. */
  readonly records: readonly AuditRecord[];
  /** So many of them the log has taken, as its steps were answered. */
  readonly taken: number;
  /** What people and tools did, told by the events themselves. */
  readonly deeds: readonly Deed[];
  /** Why there may be more than is here; empty: everything is here. */
  readonly gaps: readonly string[];
  /** `itself`: with all its records told · `outside`: terminated, timed out, or failed before it began */
  readonly endedBy?: "itself" | "outside";
  /** The head in the run's result, where it has one. */
  readonly end?: AuditChain;
  /** Somebody has reset it: what it did before, and does not know any more, is in the log too. */
  readonly wasReset: boolean;
  /** Records are still on their way to the log. */
  readonly delivering: boolean;
}

/** What a log turned out to be, beside its run's history. */
export type TrailVerdict =
  | ChainVerdict
  | { readonly ok: false; readonly event: number; readonly runId: string; readonly problem: string };

const SHOWN_BYTES = 120;
const MOST_DIFFERENCES = 3;

/**
 * Compares a run's records, as a log has them, with the run's history and the head in its result, and names the first that
 * does not fit. Read the log before the history: all that it has is then in there.
 */
export function verifyTrail(log: readonly AuditRecord[], trail: AuditTrail): TrailVerdict {
  const chain = verifyChain(log);
  if (!chain.ok) {
    const reset = trail.wasReset ? "; the run was reset, so the log may have it twice from there on" : "";
    return { ...chain, problem: `${chain.problem}${whatHistoryHas(log, trail, chain.seq)}${reset}` };
  }
  const logged = [...new Map(log.map((record) => [record.seq, record])).values()];
  return (
    firstDifference(logged, trail) ??
    missingEnd(logged, trail) ??
    headProblem(logged, trail) ??
    unmatchedDeed(trail) ?? { ok: true }
  );
}

function firstDifference(logged: readonly AuditRecord[], trail: AuditTrail): TrailVerdict | undefined {
  const known = new Map(trail.records.map((record) => [record.seq, record]));
  for (const record of logged) {
    const { seq } = record;
    const there = known.get(seq);
    if (!there && trail.gaps.length === 0) {
      return {
        ok: false,
        seq,
        problem: `record ${seq} (${words(record)}) was added; the run's history has none there`,
      };
    }
    if (there && canonicalJson(there) !== canonicalJson(record)) {
      return { ok: false, seq, problem: `record ${seq} was rewritten: ${difference(record, there)}` };
    }
  }
  return undefined;
}

/** Records behind the last one that the log has. */
function missingEnd(logged: readonly AuditRecord[], trail: AuditTrail): TrailVerdict | undefined {
  const next = trail.records.find(({ seq }) => seq > logged.length);
  if (!next) return undefined;
  const isTaken = next.seq <= trail.taken;
  if (!isTaken && (trail.endedBy === undefined || trail.delivering)) return undefined;
  const why = isTaken ? "the log had taken it" : "nothing is on its way any more";
  const problem = `record ${next.seq} (${words(next)}) is missing; the run's history has it, and ${why}`;
  return { ok: false, seq: next.seq, problem };
}

/** While its end is on the way, the log can only be looked at so far. */
function headProblem(logged: readonly AuditRecord[], { delivering, end }: AuditTrail): TrailVerdict | undefined {
  const verdict = verifyChain(logged, delivering ? undefined : end);
  return verdict.ok ? undefined : verdict;
}

function unmatchedDeed({ deeds, records, gaps, endedBy }: AuditTrail): TrailVerdict | undefined {
  if (gaps.length > 0) return undefined;
  const unmatched = matchDeeds(deeds, records);
  const [record] = unmatched.records;
  if (record) {
    const problem = `record ${record.seq} (${words(record)}) tells of something that the run's history does not have`;
    return { ok: false, seq: record.seq, problem };
  }
  // Records of what was done just now are still in the run.
  const [deed] = endedBy === "itself" ? unmatched.deeds : [];
  if (!deed) return undefined;
  const { event, runId, what } = deed;
  return { ok: false, event, runId, problem: `event ${event} of the history ${runId} (${what}) left no record` };
}

/** For a record that broke the chain: what should stand there. */
function whatHistoryHas(log: readonly AuditRecord[], { records }: AuditTrail, seq: number): string {
  const there = records.find((record) => record.seq === seq);
  if (!there) return "";
  const same = log.find((record) => record?.seq === seq && jsonProblem(record) === undefined);
  if (!same) return `; the run's history has it (${words(there)})`;
  const isSame = canonicalJson(same) === canonicalJson(there);
  return isSame ? "; it stands in another place of the log" : `: ${difference(same, there)}`;
}

/** How a record is not as the history has it. */
function difference(record: AuditRecord, there: AuditRecord): string {
  if (record.action !== there.action) return `the log has ${words(record)}, the run's history ${words(there)}`;
  const [own, right] = [membersOf(record), membersOf(there)];
  const names = [...new Set([...Object.keys(own), ...Object.keys(right)])];
  const differing = names.filter((name) => canonicalJson(own[name]) !== canonicalJson(right[name]));
  const named = differing.filter((name) => name !== "hash" && name !== "prev");
  return (named.length > 0 ? named : differing)
    .slice(0, MOST_DIFFERENCES)
    .map((name) => `${name} is ${shown(own[name])}, and ${shown(right[name])} in the run's history`)
    .join("; ");
}

function membersOf({ facts, ...rest }: AuditRecord): Readonly<Record<string, unknown>> {
  const isObject = typeof facts === "object" && facts !== null;
  return isObject ? { ...rest, ...prefixed(facts) } : { ...rest, facts };
}

function prefixed(facts: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [`facts.${name}`, value]));
}

function shown(value: unknown): string {
  return value === undefined ? "absent" : clipped(canonicalJson(value), SHOWN_BYTES);
}

/** A log may hold anything. */
function words({ action, by }: AuditRecord): string {
  const name = typeof by === "string" ? by : canonicalJson(by);
  return clipped(by === undefined ? String(action) : `${action} by ${name}`, SHOWN_BYTES);
}

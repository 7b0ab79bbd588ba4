import type { RunAuditTrail } from "../client/audit-trail.js";
import { ClientError } from "../client/client-error.js";
import { type AuditRecord, verifyChain } from "../core/audit.js";
import { type TrailVerdict, verifyTrail } from "../core/audit-trail.js";
import { headMisfit, runKey, type WorkersVerdict } from "../core/worker-audit.js";

/** A run as its records name it. */
export interface RunName {
  readonly workflowId: string;
  readonly firstRunId: string;
}

/** A run's records as the log has them, and what became of them. */
export type Verified = TrailVerdict &
  RunName & {
    readonly records: number;
    /** Compared with the head in the run's result too. */
    readonly endKnown: boolean;
    /** Compared with this much of the run's history. */
    readonly history: "whole" | "part" | "none";
    /** The run goes on, or its last records are on their way: more will come. */
    readonly goesOn: boolean;
    /** What could not be compared, and why. */
    readonly gaps?: readonly string[];
  };

/** What a verification looks at; both may move while it does. */
export interface VerificationSources {
  /** The records of a run as the log has them, and what the workers have signed. @param again the log is read anew */
  readonly look: (
    run: RunName,
    again: boolean,
  ) => Promise<{ readonly records: readonly AuditRecord[]; readonly workers: WorkersVerdict }>;
  /** What a run's history says; undefined where there is none to compare with. */
  readonly trail: (run: RunName) => Promise<RunAuditTrail | undefined>;
}

/** A log and a history that move are looked at again, at most so often: each was read at another moment. */
const MOST_LOOKS = 5;

/** What does not fit has to be so twice, with the same log and the same history: the run may have moved between the two. */
export async function verifyRun(sources: VerificationSources, run: RunName): Promise<Verified> {
  let before = "";
  for (let look = 1; ; look += 1) {
    const { records, workers } = await sources.look(run, look > 1);
    const trail = await sources.trail(run);
    const verdict = verdictOn(run, records, workers, trail);
    const moving = [records.length, workers.heads.get(runKey(run))?.length, trail?.records.length, trail?.deeds.length];
    const seen = [...moving, trail?.endedBy, trail?.delivering].join();
    if (verdict.ok || seen === before || look === MOST_LOOKS) {
      return { ...run, records: records.length, ...comparedWith(trail), ...verdict };
    }
    before = seen;
  }
}

function verdictOn(
  run: RunName,
  records: readonly AuditRecord[],
  workers: WorkersVerdict,
  trail: RunAuditTrail | undefined,
): TrailVerdict {
  const verdict = trail ? verifyTrail(records, trail) : verifyChain(records);
  if (!verdict.ok) return verdict;
  const misfit = headMisfit(records, run, workers);
  return misfit ? { ok: false, ...misfit } : verdict;
}

function comparedWith(trail: RunAuditTrail | undefined): Pick<Verified, "endKnown" | "history" | "goesOn" | "gaps"> {
  if (!trail) return { endKnown: false, history: "none", goesOn: false };
  const { end, endedBy, delivering, gaps } = trail;
  const goesOn = endedBy === undefined || delivering;
  const whole = { endKnown: end !== undefined && !delivering, history: "whole", goesOn } as const;
  return gaps.length === 0 ? whole : { ...whole, history: "part", gaps };
}

/** The trail where there is one: Temporal may have forgotten the run, or have another one of its id by now. */
export async function trailIfKnown(
  run: RunName,
  read: () => Promise<RunAuditTrail>,
): Promise<RunAuditTrail | undefined> {
  try {
    const trail = await read();
    return trail.firstRunId === run.firstRunId ? trail : undefined;
  } catch (error) {
    if (error instanceof ClientError && error.kind === "no-such-run") return undefined;
    throw error;
  }
}

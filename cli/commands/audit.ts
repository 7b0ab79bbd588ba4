import type { Command } from "commander";
import { ClientError } from "../../client/client-error.js";
import { type AuditRecord, verifyChain } from "../../core/audit.js";
import { type AuditTrail, type TrailVerdict, verifyTrail } from "../../core/audit-trail.js";
import { readName } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { EXIT_CODES } from "../exit-codes.js";
import { table } from "../output.js";

/** A run's records as the log has them, and what became of them. */
type Verified = TrailVerdict & {
  readonly workflowId: string;
  readonly firstRunId: string;
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

/** A run as its records name it. */
interface RunName {
  readonly workflowId: string;
  readonly firstRunId: string;
}

/** A log and a history that move are looked at again, at most so often: each was read at another moment. */
const MOST_LOOKS = 5;

/** `wflo audit verify`: compares the audit log with the runs' own histories. */
export function registerAudit(program: Command, context: CommandContext): void {
  const audit = program.command("audit").description("the tamper-evident log of who decided what");
  withJson(audit.command("verify"))
    .description("compare the audit log with the runs' histories in Temporal; names the first record that does not fit")
    .argument("[ID]", "workflow id of a run (default: every run in the log)", readName)
    .action(
      inSession(context, async (session: Session, workflowId: string | undefined) => {
        const { chains, strays } = await readLog(session, workflowId);
        const runs: Verified[] = [];
        for (const records of chains) runs.push(await verify(session, records[0] as AuditRecord, records));
        if (workflowId !== undefined && runs.length === 0) runs.push(await verifyUnlogged(session, workflowId));
        for (const position of strays)
          session.output.say(`the audit log has something at position ${position} that is no record of a run`);
        // A stray entry is nobody's; where it stands for a record of this run, that one is missing.
        const ok = runs.every((run) => run.ok) && (workflowId !== undefined || strays.length === 0);
        session.output.answer({ ok, runs }, () => (runs.length === 0 ? "no audit records" : wordsOf(runs)));
        return ok ? EXIT_CODES.done : EXIT_CODES.runFailed;
      }),
    );
}

interface Log {
  /** The records by run, in the log's order. */
  readonly chains: readonly (readonly AuditRecord[])[];
  /** Where something stands that no run has written. */
  readonly strays: readonly string[];
}

async function readLog(session: Session, workflowId?: string): Promise<Log> {
  const { eventLog } = await session.ports();
  const chains = new Map<string, AuditRecord[]>();
  const strays: string[] = [];
  for await (const { value, position } of eventLog.read(session.config.topics.audit)) {
    const record = recordIn(value);
    if (!record) strays.push(position);
    if (!record || (workflowId !== undefined && record.workflowId !== workflowId)) continue;
    const key = `${record.workflowId}\n${record.firstRunId}`;
    const chain = chains.get(key) ?? [];
    chains.set(key, chain);
    chain.push(record);
  }
  return { chains: [...chains.values()], strays };
}

function recordIn(value: string): AuditRecord | undefined {
  try {
    const record = JSON.parse(value) as AuditRecord | null;
    return typeof record?.workflowId === "string" && typeof record.firstRunId === "string" ? record : undefined;
  } catch {
    return undefined;
  }
}

/** What does not fit has to be so twice, with the same log and the same history: the run may have moved between the two. */
async function verify(session: Session, { workflowId, firstRunId }: RunName, first: readonly AuditRecord[]) {
  let records = first;
  let before = "";
  for (let look = 1; ; look += 1) {
    const trail = await trailOf(session, { workflowId, firstRunId });
    const verdict = trail ? verifyTrail(records, trail) : verifyChain(records);
    const seen = [records.length, trail?.records.length, trail?.deeds.length, trail?.endedBy, trail?.delivering].join();
    const verified = { workflowId, firstRunId, records: records.length, ...comparedWith(trail), ...verdict };
    if (verdict.ok || seen === before || look === MOST_LOOKS) return verified;
    before = seen;
    const { chains } = await readLog(session, workflowId);
    records = chains.find(([record]) => record?.firstRunId === firstRunId) ?? [];
  }
}

/** A run that the log has nothing of: right only where it wrote nothing so far. */
async function verifyUnlogged(session: Session, workflowId: string): Promise<Verified> {
  const firstRunId = await (await session.client()).attach(workflowId).firstRunId();
  const run = await verify(session, { workflowId, firstRunId }, []);
  if (run.ok || run.records > 0) return run;
  return { ...run, problem: `${run.problem}; the log has no record of it: is WFLO_STATE here the workers' own?` };
}

/** What the run's history says; undefined where Temporal has forgotten it, or has another run of its id by now. */
async function trailOf(session: Session, { workflowId, firstRunId }: RunName): Promise<AuditTrail | undefined> {
  try {
    const trail = await (await session.client()).attach(workflowId).auditTrail();
    return trail.firstRunId === firstRunId ? trail : undefined;
  } catch (error) {
    if (error instanceof ClientError && error.kind === "no-such-run") return undefined;
    throw error;
  }
}

function comparedWith(trail: AuditTrail | undefined): Pick<Verified, "endKnown" | "history" | "goesOn" | "gaps"> {
  if (!trail) return { endKnown: false, history: "none", goesOn: false };
  const { end, endedBy, delivering, gaps } = trail;
  const goesOn = endedBy === undefined || delivering;
  const whole = { endKnown: end !== undefined && !delivering, history: "whole", goesOn } as const;
  return gaps.length === 0 ? whole : { ...whole, history: "part", gaps };
}

function wordsOf(runs: readonly Verified[]): string {
  return table(
    ["RUN", "RECORDS", "LOG"],
    runs.map((run) => [run.workflowId, run.records, run.ok ? goodWords(run) : `BROKEN at ${placeOf(run)}`]),
  );
}

function goodWords({ history, goesOn, gaps = [] }: Verified): string {
  if (history === "none") return "ok by itself (Temporal has no history of the run to compare it with)";
  const ok = goesOn ? "ok so far (more is to come)" : "ok";
  return history === "whole" ? ok : `${ok}, as far as can be compared: ${gaps.join("; ")}`;
}

function placeOf(broken: Verified & { readonly ok: false }): string {
  return "seq" in broken ? `record ${broken.seq}: ${broken.problem}` : `event ${broken.event}: ${broken.problem}`;
}

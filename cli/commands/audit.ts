import type { Command } from "commander";
import { ClientError } from "../../client/client-error.js";
import type { RunResult } from "../../client/index.js";
import { type AuditChain, type AuditRecord, type ChainVerdict, verifyChain } from "../../core/audit.js";
import { readName } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { EXIT_CODES } from "../exit-codes.js";
import { table } from "../output.js";

/** A run's chain as the log has it, and what became of it. */
type Verified = ChainVerdict & {
  readonly workflowId: string;
  readonly firstRunId: string;
  readonly records: number;
  /** Compared with the head in the run's result: without it nobody knows whether the last records are missing. */
  readonly endKnown: boolean;
};

/** `wflo audit verify`: recomputes the chains of the audit log. */
export function registerAudit(program: Command, context: CommandContext): void {
  const audit = program.command("audit").description("the tamper-evident log of who decided what");
  withJson(audit.command("verify"))
    .description("recompute the chains of the audit log; names the first record that does not fit")
    .argument("[ID]", "workflow id of a run (default: every run in the log)", readName)
    .action(
      inSession(context, async (session: Session, workflowId: string | undefined) => {
        const chains = await readChains(session, workflowId);
        const runs: Verified[] = [];
        for (const records of chains) runs.push(await verify(session, records));
        if (workflowId !== undefined && runs.length === 0) runs.push(await verifyUnlogged(session, workflowId));
        const ok = runs.every((run) => run.ok);
        session.output.answer({ ok, runs }, () => (runs.length === 0 ? "no audit records" : wordsOf(runs)));
        return ok ? EXIT_CODES.done : EXIT_CODES.runFailed;
      }),
    );
}

/** The log's records by run, in the log's order. */
async function readChains(session: Session, workflowId?: string): Promise<readonly (readonly AuditRecord[])[]> {
  const { eventLog } = await session.ports();
  const chains = new Map<string, AuditRecord[]>();
  for await (const { value } of eventLog.read(session.config.topics.audit)) {
    const record = JSON.parse(value) as AuditRecord;
    if (workflowId !== undefined && record?.workflowId !== workflowId) continue;
    const key = `${record?.workflowId}\n${record?.firstRunId}`;
    const chain = chains.get(key) ?? [];
    chains.set(key, chain);
    chain.push(record);
  }
  return [...chains.values()];
}

async function verify(session: Session, records: readonly AuditRecord[]): Promise<Verified> {
  const { workflowId, firstRunId } = records[0] as AuditRecord;
  const end = await endOf(session, workflowId, firstRunId);
  const verdict = verifyChain(records, end as AuditChain | undefined);
  return { workflowId, firstRunId, records: records.length, endKnown: end !== undefined, ...verdict };
}

/** A run that the log has nothing of: right only where it wrote nothing. */
async function verifyUnlogged(session: Session, workflowId: string): Promise<Verified> {
  const firstRunId = await (await session.client()).attach(workflowId).firstRunId();
  const problem = "the audit log has no record of it: is WFLO_STATE here the workers' own?";
  return { workflowId, firstRunId, records: 0, endKnown: false, ok: false, seq: 1, problem };
}

/** The head that the run's result has, where the run has ended with one and Temporal still knows it. */
async function endOf(
  session: Session,
  workflowId: string,
  firstRunId: string,
): Promise<RunResult["audit"] | undefined> {
  try {
    const run = (await session.client()).attach(workflowId);
    const { endedAt } = await run.summary();
    if (endedAt === undefined || (await run.firstRunId()) !== firstRunId) return undefined;
    return (await run.result()).audit;
  } catch (error) {
    if (error instanceof ClientError && error.kind !== "no-such-run") throw error;
    // Forgotten by Temporal, or ended without a result: the chain itself is all there is.
    return undefined;
  }
}

function wordsOf(runs: readonly Verified[]): string {
  const rows = runs.map((run) => [
    run.workflowId,
    run.records,
    run.ok ? (run.endKnown ? "ok" : "ok so far (the end is not known)") : `BROKEN at record ${run.seq}: ${run.problem}`,
  ]);
  return table(["RUN", "RECORDS", "CHAIN"], rows);
}

import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { AuditRecord } from "../../core/audit.js";
import { type CheckSignature, verifyWorkers, type WorkersVerdict } from "../../core/worker-audit.js";
import { readName, readSince } from "../arguments.js";
import { AUDIT_FORMATS, type AuditFormat, auditLine } from "../audit-formats.js";
import { type AuditLog, loggedRecord, readAuditLog, savedLog } from "../audit-log.js";
import {
  type RunName,
  trailIfKnown,
  type VerificationSources,
  type Verified,
  verifyRun,
} from "../audit-verification.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { EXIT_CODES } from "../exit-codes.js";
import { table } from "../output.js";
import { WrongUse } from "../problems.js";
import { readSavedHistories } from "../saved-histories.js";

interface LogFlags {
  readonly log?: string;
}

interface VerifyFlags extends LogFlags {
  readonly history?: readonly string[];
  readonly offline?: true;
  readonly key?: readonly string[];
  readonly signedSince?: Date;
}

interface ExportFlags extends LogFlags {
  readonly format: AuditFormat;
  readonly since?: Date;
  readonly out?: string;
}

/** What all workers together have signed, or not. */
type Workers = Pick<WorkersVerdict, "workers" | "problems"> & { readonly signedHeads: number };

/** `wflo audit`: verifies the audit log against the runs' own histories and the workers' signatures, and exports it. */
export function registerAudit(program: Command, context: CommandContext): void {
  const audit = program.command("audit").description("the tamper-evident log of who decided what");
  withLog(withJson(audit.command("verify")))
    .description("compare the audit log with the runs' histories in Temporal; names the first record that does not fit")
    .argument("[ID]", "workflow id of a run (default: every run in the log)", readName)
    .option("--history <FILE...>", "compare with histories that were saved as JSON, and ask no server")
    .option("--offline", "ask no server, also without histories")
    .option("--key <FILE...>", "public keys of the workers (default: WFLO_AUDIT_PUBLIC_KEYS and WFLO_AUDIT_KEY)")
    .option(
      "--signed-since <T>",
      "records from this time on have to be signed (default: from the first signature in the log on)",
      readSince,
    )
    .action(
      inSession(context, async (session: Session, workflowId: string | undefined, flags: VerifyFlags) => {
        const { runs, workers, strays } = await verifyAll(session, workflowId, flags);
        for (const position of strays)
          session.output.say(`the audit log has something at position ${position} that is no record of a run`);
        for (const { worker, seq, problem } of workers.problems)
          session.output.say(`the records of the worker ${worker} are BROKEN at record ${seq}: ${problem}`);
        // A stray entry is nobody's; where it stands for a record of this run, that one is missing.
        const isLogWhole = workflowId !== undefined || strays.length === 0;
        const ok = runs.every((run) => run.ok) && workers.problems.length === 0 && isLogWhole;
        session.output.answer({ ok, runs, ...(workers.workers > 0 ? { workers } : {}) }, () =>
          runs.length === 0 ? "no audit records" : wordsOf(runs),
        );
        return ok ? EXIT_CODES.done : EXIT_CODES.runFailed;
      }),
    );
  withLog(audit.command("export"))
    .description("print the audit log for other systems: JSON lines, OCSF 1.3 events, or CEF lines")
    .argument("[ID]", "workflow id of a run (default: everything)", readName)
    .addOption(new Option("--format <FORMAT>", "how").choices(AUDIT_FORMATS).default("jsonl"))
    .option("--since <T>", 'what happened since then: how long ago, such as "7 days", or a time', readSince)
    .option("--out <FILE>", "write it to a file")
    .addHelpText("after", "\nJSON lines are the log as it is: `wflo audit verify --log FILE` verifies them.")
    .action(
      inSession(context, async (session: Session, workflowId: string | undefined, flags: ExportFlags) => {
        const lines = await exported(session, workflowId, flags);
        if (flags.out === undefined) session.surroundings.stdout.write(lines);
        else await writeFile(resolve(session.surroundings.folder, flags.out), lines);
        if (flags.out !== undefined) session.output.say(`wrote ${flags.out}`);
        return undefined;
      }),
    );
}

function withLog(command: Command): Command {
  return command.option("--log <FILE>", "a log that was saved as JSON lines, in place of the event log");
}

async function entriesOf(session: Session, { log }: LogFlags) {
  if (log !== undefined) return savedLog(resolve(session.surroundings.folder, log));
  return (await session.ports()).eventLog.read(session.config.topics.audit);
}

async function exported(session: Session, workflowId: string | undefined, flags: ExportFlags): Promise<string> {
  const { packageVersion } = await import("../../workers/tool-finder.js");
  const since = flags.since?.toISOString() ?? "";
  const seen = new Set<string>();
  let lines = "";
  for await (const { value } of await entriesOf(session, flags)) {
    const entry = loggedRecord(value);
    if (!entry || entry.record.at < since || seen.has(entry.record.hash)) continue;
    if (workflowId !== undefined && (entry.of === "worker" || entry.record.workflowId !== workflowId)) continue;
    seen.add(entry.record.hash);
    lines += `${auditLine(entry, flags.format, packageVersion())}\n`;
  }
  return lines;
}

async function verifyAll(session: Session, workflowId: string | undefined, flags: VerifyFlags) {
  const check = await trustedKeys(session, flags);
  const read = async (id?: string) => await readAuditLog(await entriesOf(session, flags), id);
  // Of a log once, and not for each run in it: every signature is looked at.
  const verdicts = new WeakMap<AuditLog, WorkersVerdict>();
  const judged = (log: AuditLog): WorkersVerdict => {
    const verdict = verdicts.get(log) ?? verifyWorkers(log.workers, check);
    verdicts.set(log, verdict);
    return check && flags.signedSince ? { ...verdict, signedSince: flags.signedSince.toISOString() } : verdict;
  };
  const log = await read(workflowId);
  const names = log.chains.map(([record]) => nameOf(record as AuditRecord));
  const sources: VerificationSources = {
    async look({ workflowId: id, firstRunId }, again) {
      const now = again ? await read(id) : log;
      const records =
        now.chains.find(([record]) => record?.workflowId === id && record.firstRunId === firstRunId) ?? [];
      return { records, workers: judged(now) };
    },
    trail: await trails(session, flags),
  };
  const runs: Verified[] = [];
  for (const name of names) runs.push(await verifyRun(sources, name));
  const isOnline = flags.history === undefined && !flags.offline;
  if (workflowId !== undefined && runs.length === 0 && isOnline)
    runs.push(await verifyUnlogged(session, sources, workflowId));
  const { workers, problems, heads } = judged(log);
  const all: Workers = {
    workers,
    problems,
    signedHeads: [...heads.values()].reduce((sum, own) => sum + own.length, 0),
  };
  return { runs, workers: all, strays: log.strays };
}

function nameOf({ workflowId, firstRunId }: RunName): RunName {
  return { workflowId, firstRunId };
}

/** Undefined: no key is known, so that signatures can't be looked at. */
async function trustedKeys(
  { surroundings, config }: Session,
  { key }: VerifyFlags,
): Promise<CheckSignature | undefined> {
  const { auditKeyFile, auditPublicKeyFiles } = config;
  const own = [...auditPublicKeyFiles, ...(auditKeyFile === undefined ? [] : [auditKeyFile])];
  const files = key?.map((file) => resolve(surroundings.folder, file)) ?? own;
  if (files.length === 0) return undefined;
  const { readTrustedKeys, WrongAuditKey } = await import("../../encryption/audit-key.js");
  try {
    return readTrustedKeys(files);
  } catch (error) {
    throw error instanceof WrongAuditKey ? new WrongUse(error.message) : error;
  }
}

async function trails(session: Session, { history, offline }: VerifyFlags): Promise<VerificationSources["trail"]> {
  if (history === undefined && !offline) {
    return async (run) =>
      await trailIfKnown(run, async () => await (await session.client()).attach(run.workflowId).auditTrail());
  }
  const files = (history ?? []).map((file) => resolve(session.surroundings.folder, file));
  const saved = await readSavedHistories(files);
  const { savedTrailReader } = await import("../saved-trails.js");
  const read = savedTrailReader(session.config.keyRing, (await session.ports()).blobs);
  return async ({ firstRunId }) => {
    const own = saved.find((one) => one.firstRunId === firstRunId);
    return own && (await read(own));
  };
}

/** A run that the log has nothing of: right only where it wrote nothing so far. */
async function verifyUnlogged(session: Session, sources: VerificationSources, workflowId: string): Promise<Verified> {
  const firstRunId = await (await session.client()).attach(workflowId).firstRunId();
  const run = await verifyRun(sources, { workflowId, firstRunId });
  if (run.ok || run.records > 0) return run;
  return { ...run, problem: `${run.problem}; the log has no record of it: is WFLO_STATE here the workers' own?` };
}

function wordsOf(runs: readonly Verified[]): string {
  return table(
    ["RUN", "RECORDS", "LOG"],
    runs.map((run) => [run.workflowId, run.records, run.ok ? goodWords(run) : `BROKEN at ${placeOf(run)}`]),
  );
}

function goodWords({ history, goesOn, gaps = [] }: Verified): string {
  if (history === "none") return "ok by itself (there is no history of the run to compare it with)";
  const ok = goesOn ? "ok so far (more is to come)" : "ok";
  return history === "whole" ? ok : `${ok}, as far as can be compared: ${gaps.join("; ")}`;
}

function placeOf(broken: Verified & { readonly ok: false }): string {
  return "seq" in broken ? `record ${broken.seq}: ${broken.problem}` : `event ${broken.event}: ${broken.problem}`;
}

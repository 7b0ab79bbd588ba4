import type { Command } from "commander";
import { ClientError } from "../../client/client-error.js";
import type { GateView, RunHandle, RunStatus, RunStory, RunSummary } from "../../client/index.js";
import type { BudgetView } from "../../core/ledger-report.js";
import { formatUsd, type NanoUsd } from "../../core/money.js";
import type { Config } from "../../workers/config.js";
import { readName } from "../arguments.js";
import { budgetWords } from "../budget-words.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { gateWords } from "../gate-prompt.js";
import { eventsOf, ledgerTable, wholeLedger } from "../ledger-lines.js";
import { facts, printable } from "../output.js";
import { type RunReport, reportOf, reportWords } from "../run-report.js";
import { storyLines } from "../run-story.js";

/** `wflo show`: all about one run. */
export function registerShow(program: Command, context: CommandContext): void {
  withJson(program.command("show"))
    .description("show a run: what it does and did, its money, its gates, its result")
    .argument("<ID>", "workflow id of the run", readName)
    .action(
      inSession(context, async (session: Session, workflowId: string) => {
        const run = (await session.client()).attach(workflowId);
        const summary = await run.summary();
        const report = summary.endedAt === undefined ? undefined : await reportOf(summary, run.result);
        const [views, story] = await Promise.all([viewsOf(session, run, summary, report), run.story()]);
        const shown = { summary, views, report, story, traceUrl: traceUrlOf(session.config, story) };
        session.output.answer(documentOf(shown), () => wordsOf(shown));
        return undefined;
      }),
    );
}

interface Views {
  readonly status: Omit<RunStatus, "state"> & { readonly state: RunSummary["status"] };
  /** Null where nobody could be asked. */
  readonly budget: BudgetView | null;
  readonly approvals: readonly GateView[];
}

/** The run's own answers; without a worker what is known without it, which is said. */
async function viewsOf(session: Session, run: RunHandle, summary: RunSummary, report?: RunReport): Promise<Views> {
  const state = report?.status;
  try {
    const status = await run.status();
    const ended = state === undefined ? {} : { state, doing: `ended: ${state}` };
    return {
      status: { ...status, ...ended },
      budget: await budgetOf(session, run, summary.workflowId),
      approvals: await run.approvals(),
    };
  } catch (error) {
    if (!(error instanceof ClientError && error.kind === "no-worker")) throw error;
    session.output.say(`${error.message}: this is what is known without one\n  → ${error.advice}`);
    const { agent = "", model = "", turn = 0, startedAt, endedAt } = summary;
    const doing = state === undefined ? "no worker answers" : `ended: ${state}`;
    const status = { state: state ?? summary.status, turn, agent, model, doing, since: endedAt ?? startedAt };
    return { status, budget: null, approvals: [] };
  }
}

/** With all lines of the books, also those that the run no longer keeps. */
async function budgetOf(session: Session, run: RunHandle, workflowId: string): Promise<BudgetView> {
  const budget = await run.budget();
  const { eventLog } = await session.ports();
  const events = eventsOf(eventLog, session.config.topics.events);
  return { ...budget, entries: await wholeLedger(workflowId, budget.entries, events) };
}

interface Shown {
  readonly summary: RunSummary;
  readonly views: Views;
  /** Of a run that has ended. */
  readonly report: RunReport | undefined;
  readonly story: RunStory;
  readonly traceUrl: string | undefined;
}

/** Undefined where nobody traced the run, or nobody said where traces are to be seen. */
function traceUrlOf({ traceUrl }: Config, { traceId }: RunStory): string | undefined {
  return traceId === undefined ? undefined : traceUrl?.replaceAll("{traceId}", traceId);
}

function documentOf({ summary, views, report, story, traceUrl }: Shown): object {
  const { workflowId, runId, webUrl, startedAt, endedAt } = summary;
  const { traceId, changes } = story;
  const place = {
    ...{ workflowId, runId, webUrl, startedAt },
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(traceId === undefined ? {} : { traceId }),
    ...(traceUrl === undefined ? {} : { traceUrl }),
  };
  const told = { ...place, ...views, story: changes };
  if (report === undefined) return told;
  if ("error" in report) return { ...told, error: report.error };
  const { workflowId: _id, runId: _run, webUrl: _url, ...result } = report;
  return { ...told, result };
}

function wordsOf({ summary, views, report, story, traceUrl }: Shown): string {
  const { status, budget, approvals } = views;
  const head = facts([
    ["run", summary.workflowId],
    ["agent", status.agent],
    ["model", status.model],
    ["state", `${status.state} (${printable(status.doing)}) since ${status.since}`],
    ["turn", String(status.turn)],
    ["cost", summary.costNanoUsd === undefined ? undefined : `$${formatUsd(summary.costNanoUsd as NanoUsd)}`],
    ["budget", budget ? budgetWords(budget) : undefined],
    ["started", summary.startedAt],
    ["ended", summary.endedAt],
    ["Web UI", summary.webUrl],
    ["trace", traceUrl ?? story.traceId],
  ]);
  const open = approvals.filter(({ state }) => state === "pending");
  const parts = [head, ...open.map(gateWords)];
  if (open.length > 0) parts.push(`decide with: wflo approve ${summary.workflowId} ${open[0]?.gate}, or wflo reject …`);
  const lines = storyLines(story.changes, approvals);
  if (!story.isWhole) parts.push("the server has forgotten how it began; what it still knows:");
  parts.push(lines.join("\n"));
  if (budget) parts.push(ledgerTable(budget.entries));
  if (report) parts.push("error" in report ? reportWords(report) : printable(report.output), ...endOf(report));
  return parts.filter((part) => part !== "").join("\n\n");
}

function endOf(report: RunReport): string[] {
  return "error" in report ? [] : [reportWords(report)];
}

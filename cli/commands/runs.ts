import type { Command } from "commander";
import type { RunFilter, RunSummary } from "../../client/index.js";
import { formatDuration } from "../../core/duration.js";
import { formatUsd } from "../../core/money.js";
import { readCount, readName, readState } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { table } from "../output.js";
import { registerShow } from "./show.js";

const DEFAULT_LIMIT = 100;

interface RunsFlags {
  readonly status?: RunSummary["status"];
  readonly agent?: string;
  readonly limit: number;
}

/** `wflo runs`, `wflo show`: what runs there are, and all about one. */
export function registerRuns(program: Command, context: CommandContext): void {
  withJson(program.command("runs"))
    .description("list runs, the newest first")
    .option("--status <S>", "only runs of this state, such as awaiting_approval or completed", readState)
    .option("--agent <NAME>", "only runs of this agent", readName)
    .option("--limit <N>", "at most so many", readCount, DEFAULT_LIMIT)
    .action(inSession(context, async (session: Session, flags: RunsFlags) => await listRuns(session, flags)));
  registerShow(program, context);
}

async function listRuns(session: Session, { status, agent, limit }: RunsFlags): Promise<undefined> {
  const client = await session.client();
  const filter: RunFilter = { ...(status ? { status } : {}), ...(agent === undefined ? {} : { agent }) };
  const runs: RunSummary[] = [];
  let isCut = false;
  for await (const run of client.list(filter)) {
    isCut = runs.length === limit;
    if (isCut) break;
    runs.push(run);
  }
  session.output.answer(
    runs.map(({ costNanoUsd, ...run }) => ({
      ...run,
      ...(costNanoUsd === undefined ? {} : { costNanoUsd, costUsd: formatUsd(costNanoUsd) }),
    })),
    () => (runs.length === 0 ? "no runs" : runsTable(runs)),
  );
  if (isCut) session.output.say(`these are the newest ${limit}; --limit shows more`);
  if (!runs.some((run) => run.agent !== undefined)) await sayWhatIsMissing(session);
  return undefined;
}

function runsTable(runs: readonly RunSummary[]): string {
  return table(
    ["ID", "AGENT", "STATUS", "TURN", "COST", "MODEL", "STARTED"],
    runs.map((run) => [
      run.workflowId,
      run.agent,
      run.status,
      run.turn,
      run.costNanoUsd === undefined ? undefined : `$${formatUsd(run.costNanoUsd)}`,
      run.model,
      `${formatDuration(Math.max(0, Date.now() - Date.parse(run.startedAt)))} ago`,
    ]),
  );
}

/** Without the index's own columns the list is thin, and nobody would know why. */
async function sayWhatIsMissing(session: Session): Promise<void> {
  const client = await session.client();
  if (await client.hasRunAttributes()) return;
  session.output.say(
    `the namespace ${client.namespace} lacks the Wflo… search attributes, so agents, models and costs are not in its index: ` +
      "register them with `wflo doctor --fix`",
  );
}

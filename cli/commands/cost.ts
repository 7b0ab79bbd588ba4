import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { COST_GROUPS, CostFold, type CostGroup } from "../../core/cost-fold.js";
import { readSince } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { costPage } from "../cost-page.js";
import { costCsv, costTable } from "../cost-words.js";

interface CostFlags {
  readonly by: CostGroup;
  readonly since?: Date;
  readonly csv?: true;
  readonly html?: string;
}

/** `wflo cost`: what runs have cost, from the event log. */
export function registerCost(program: Command, context: CommandContext): void {
  withJson(program.command("cost"))
    .description("sum what runs have cost, from their events")
    .addOption(
      new Option("--by <GROUP>", "group by agent, model, account or day (UTC)").choices(COST_GROUPS).default("agent"),
    )
    .option("--since <T>", 'what was booked since then: how long ago, such as "7 days", or a time', readSince)
    .addOption(new Option("--csv", "print comma-separated values, for a spreadsheet").conflicts(["json", "html"]))
    .addOption(
      new Option("--html <FILE>", "write a page with charts of all groups, that opens offline").conflicts("json"),
    )
    .addHelpText(
      "after",
      "\nEvery booking of a run is in one of its events, so the sums are those of the runs' own books.",
    )
    .action(
      inSession(context, async (session: Session, { by, since, csv, html }: CostFlags) => {
        const costs = await foldOf(session, since);
        if (html !== undefined) await writePage(session, costs, html);
        else if (csv) session.surroundings.stdout.write(costCsv(costs.report(by).rows));
        else session.output.answer(costs.report(by).rows, () => costTable(costs.report(by)));
        return undefined;
      }),
    );
}

async function foldOf(session: Session, since: Date | undefined): Promise<CostFold> {
  const { eventLog } = await session.ports();
  const costs = new CostFold(since?.toISOString());
  for await (const { value } of eventLog.read(session.config.topics.events)) costs.add(JSON.parse(value));
  return costs;
}

async function writePage({ surroundings, output }: Session, costs: CostFold, file: string): Promise<void> {
  const path = resolve(surroundings.folder, file);
  const reports = Object.fromEntries(COST_GROUPS.map((group) => [group, costs.report(group)]));
  const madeAt = new Date().toISOString();
  await writeFile(path, costPage(reports as Record<CostGroup, ReturnType<CostFold["report"]>>, madeAt));
  output.say(`wrote ${file}`);
}

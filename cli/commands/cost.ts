import { type Command, Option } from "commander";
import type { RunSummary } from "../../client/index.js";
import { formatUsd, type NanoUsd, toNanoUsd } from "../../core/money.js";
import { readSince } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { table } from "../output.js";
import { WrongUse } from "../problems.js";

const GROUPS = {
  agent: (run: RunSummary) => run.agent,
  /** The index knows the model that a run asked last. */
  model: (run: RunSummary) => run.model,
  account: (run: RunSummary) => run.account,
  day: (run: RunSummary) => run.startedAt.slice(0, 10),
} as const;

type Group = keyof typeof GROUPS;

interface CostRow {
  readonly by: Group;
  /** Null: runs without one. */
  readonly key: string | null;
  readonly runs: number;
  readonly nanoUsd: NanoUsd;
  readonly usd: string;
}

interface CostFlags {
  readonly by: Group;
  readonly since?: Date;
  readonly csv?: true;
}

/** `wflo cost`: what runs have cost, from the namespace's index. */
export function registerCost(program: Command, context: CommandContext): void {
  withJson(program.command("cost"))
    .description("sum what runs have cost, as far back as the namespace remembers them")
    .addOption(
      new Option("--by <GROUP>", "group by agent, model (the one that a run asked last), account or day (UTC)")
        .choices(Object.keys(GROUPS))
        .default("agent"),
    )
    .option("--since <T>", 'runs that started since then: how long ago, such as "7 days", or a time', readSince)
    .addOption(new Option("--csv", "print comma-separated values, for a spreadsheet").conflicts("json"))
    .action(
      inSession(context, async (session: Session, { by, since, csv }: CostFlags) => {
        const client = await session.client();
        if (!(await client.hasRunAttributes())) {
          const message = `the namespace ${client.namespace} lacks the Wflo… search attributes, so nothing is known of costs`;
          throw new WrongUse(message, "Register them with `wflo doctor --fix`; runs that start then are counted.");
        }
        const rows = await costRows(client.list(since ? { since } : {}), by);
        if (csv) session.surroundings.stdout.write(costCsv(rows));
        else session.output.answer(rows, () => costTable(rows, by));
        return undefined;
      }),
    );
}

async function costRows(runs: AsyncIterable<RunSummary>, by: Group): Promise<readonly CostRow[]> {
  const sums = new Map<string | null, { runs: number; nanoUsd: number }>();
  for await (const run of runs) {
    const key = GROUPS[by](run) ?? null;
    const sum = sums.get(key) ?? { runs: 0, nanoUsd: 0 };
    sums.set(key, { runs: sum.runs + 1, nanoUsd: sum.nanoUsd + (run.costNanoUsd ?? 0) });
  }
  const rows = [...sums].map(([key, { runs: count, nanoUsd }]) => {
    const amount = toNanoUsd(nanoUsd);
    return { by, key, runs: count, nanoUsd: amount, usd: formatUsd(amount) };
  });
  return rows.sort((a, b) => (by === "day" ? String(b.key).localeCompare(String(a.key)) : b.nanoUsd - a.nanoUsd));
}

function costCsv(rows: readonly CostRow[]): string {
  const lines = [
    ["by", "key", "runs", "usd"],
    ...rows.map(({ by, key, runs, usd }) => [by, key ?? "", String(runs), usd]),
  ];
  return lines.map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

/** RFC 4180; a spreadsheet takes a cell that begins like a formula for one, and names come from outside. */
function csvCell(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

function costTable(rows: readonly CostRow[], by: Group): string {
  if (rows.length === 0) return "no runs";
  const total = toNanoUsd(rows.reduce((sum, { nanoUsd }) => sum + nanoUsd, 0));
  const runs = rows.reduce((sum, row) => sum + row.runs, 0);
  const lines = rows.map((row) => [row.key ?? "–", row.runs, `$${row.usd}`]);
  return table([by.toUpperCase(), "RUNS", "COST"], [...lines, ["total", runs, `$${formatUsd(total)}`]]);
}

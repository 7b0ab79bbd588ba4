import type { Command } from "commander";
import { readName, readUsd, whoAmI } from "../arguments.js";
import { budgetWords } from "../budget-words.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";

interface TermsFlags {
  readonly by?: string;
  readonly reason?: string;
}

/** `wflo budget`: a run's money, and new terms for it. */
export function registerBudget(program: Command, context: CommandContext): void {
  const budget = program.command("budget").description("look at a run's money, and change its terms");

  withJson(budget.command("show"))
    .description("what a run has spent, reserved and left")
    .argument("<ID>", "workflow id of the run", readName)
    .action(
      inSession(context, async (session: Session, workflowId: string) => {
        const view = await (await session.client()).attach(workflowId).budget();
        session.output.answer([{ workflowId, ...view }], () => budgetWords(view));
        return undefined;
      }),
    );

  withJson(budget.command("add"))
    .description("raise a run's limit")
    .argument("<ID>", "workflow id of the run", readName)
    .argument("<USD>", "how much more it may spend, in US dollars such as 0.50", readUsd)
    .option("--by <WHO>", "who says so (default: your user name)", readName)
    .action(
      inSession(context, async (session: Session, workflowId: string, usd: string, flags: TermsFlags) => {
        const view = await (await session.client()).attach(workflowId).addBudget(usd, { by: byOf(session, flags) });
        session.output.answer({ workflowId, ...view }, () => budgetWords(view));
        return undefined;
      }),
    );

  for (const command of ["freeze", "unfreeze"] as const) {
    withJson(budget.command(command))
      .description(command === "freeze" ? "let a run spend nothing more, from now on" : "let a frozen run spend again")
      .argument("<ID>", "workflow id of the run", readName)
      .option("--by <WHO>", "who says so (default: your user name)", readName)
      .option("--reason <T>", "why, for the audit log", readName)
      .action(
        inSession(context, async (session: Session, workflowId: string, flags: TermsFlags) => {
          const reason = flags.reason === undefined ? {} : { reason: flags.reason };
          await (await session.client()).attach(workflowId)[command]({ by: byOf(session, flags), ...reason });
          session.output.answer({ workflowId, command }, () => `asked to ${command}`);
          return undefined;
        }),
      );
  }
}

function byOf({ surroundings }: Session, { by }: TermsFlags): string {
  return by ?? whoAmI(surroundings.environment);
}

import { type Command, Option } from "commander";
import type { AccountTerms, BalanceView, BudgetView, WfloClient } from "../../client/index.js";
import { PERIODS } from "../../core/period.js";
import { readCount, readInputField, readName, readUsd, whoAmI } from "../arguments.js";
import { balancesTable, balanceWords, budgetWords } from "../budget-words.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";

interface TermsFlags {
  readonly by?: string;
  readonly reason?: string;
}

interface SetFlags extends TermsFlags {
  readonly per?: "day" | "month" | "total";
  readonly parent?: string;
  readonly shards?: number;
}

const WHICH = "workflow id of a run, or an account such as acme/search";

/** `wflo budget`: the money of runs and accounts, and new terms for it. */
export function registerBudget(program: Command, context: CommandContext): void {
  const budget = program.command("budget").description("look at the money of runs and accounts, and change its terms");
  registerSet(budget, context);
  registerShow(budget, context);
  registerAdd(budget, context);
  for (const command of ["freeze", "unfreeze"] as const) registerFreeze(budget, context, command);
}

function registerSet(budget: Command, context: CommandContext): void {
  withTerms(withJson(budget.command("set")))
    .description("make an account, or set the limit of one that is there")
    .argument("<ACCOUNT>", "the account's path, such as acme/search", readInputField("account"))
    .argument("<USD>", "its limit in US dollars, such as 100", readUsd)
    .addOption(new Option("--per <PERIOD>", "the limit is for each day or month (UTC), or in total").choices(PERIODS))
    .option("--parent <A>", "the account above it", readInputField("account"))
    .option("--shards <N>", "spread the work of a hot account over so many", readCount)
    .action(
      inSession(context, async (session: Session, account: string, usd: string, flags: SetFlags) => {
        const terms: AccountTerms = {
          limitUsd: usd,
          ...(flags.per === undefined ? {} : { period: flags.per }),
          ...(flags.parent === undefined ? {} : { parent: flags.parent }),
          ...(flags.shards === undefined ? {} : { shards: flags.shards }),
        };
        const view = await (await session.client()).setAccount(account, terms, termsOf(session, flags));
        session.output.answer(view, () => balanceWords(view));
        return undefined;
      }),
    );
}

function registerShow(budget: Command, context: CommandContext): void {
  withJson(budget.command("show"))
    .description("what accounts, or one account or run, have spent, reserved and left")
    .argument("[ACCOUNT]", `${WHICH} (default: every account)`, readName)
    .action(
      inSession(context, async (session: Session, name: string | undefined) => {
        const client = await session.client();
        if (name === undefined) {
          const views = await client.listAccounts();
          session.output.answer(views, () => (views.length === 0 ? "no accounts" : balancesTable(views)));
        } else if (await isAccount(client, name)) {
          const view = await client.account(name).balance();
          session.output.answer([view], () => balanceWords(view));
        } else {
          const view = await client.attach(name).budget();
          session.output.answer([{ workflowId: name, ...view }], () => budgetWords(view));
        }
        return undefined;
      }),
    );
}

function registerAdd(budget: Command, context: CommandContext): void {
  withTerms(withJson(budget.command("add")))
    .description("raise the limit of a run or an account")
    .argument("<ID_OR_ACCOUNT>", WHICH, readName)
    .argument("<USD>", "how much more may be spent, in US dollars such as 0.50", readUsd)
    .action(
      inSession(context, async (session: Session, name: string, usd: string, flags: TermsFlags) => {
        const client = await session.client();
        const terms = termsOf(session, flags);
        if (await isAccount(client, name)) answer(session, name, await client.account(name).addBudget(usd, terms));
        else answer(session, name, await client.attach(name).addBudget(usd, { by: terms.by }));
        return undefined;
      }),
    );
}

function registerFreeze(budget: Command, context: CommandContext, command: "freeze" | "unfreeze"): void {
  const description = {
    freeze: "let a run, or all runs of an account, spend nothing more, from now on",
    unfreeze: "let a frozen run or account spend again",
  };
  withTerms(withJson(budget.command(command)))
    .description(description[command])
    .argument("<ID_OR_ACCOUNT>", WHICH, readName)
    .action(
      inSession(context, async (session: Session, name: string, flags: TermsFlags) => {
        const client = await session.client();
        const terms = termsOf(session, flags);
        if (await isAccount(client, name)) answer(session, name, await client.account(name)[command](terms));
        else {
          await client.attach(name)[command](terms);
          session.output.answer({ workflowId: name, command }, () => `asked to ${command}`);
        }
        return undefined;
      }),
    );
}

function withTerms(command: Command): Command {
  return command
    .option("--by <WHO>", "who says so (default: your user name)", readName)
    .option("--reason <T>", "why, for the audit log", readName);
}

function termsOf({ surroundings }: Session, { by, reason }: TermsFlags) {
  return { by: by ?? whoAmI(surroundings.environment), ...(reason === undefined ? {} : { reason }) };
}

/** An account goes before a run of the same name; what cannot be an account's name is a run's. */
async function isAccount(client: WfloClient, name: string): Promise<boolean> {
  return await client.hasAccount(name);
}

function answer(session: Session, name: string, view: BudgetView | BalanceView): void {
  if ("account" in view && "leasedNanoUsd" in view) session.output.answer(view, () => balanceWords(view));
  else session.output.answer({ workflowId: name, ...view }, () => budgetWords(view as BudgetView));
}

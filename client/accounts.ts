import { randomUUID } from "node:crypto";
import { WorkflowFailedError } from "@temporalio/client";
import { ApplicationFailure, WorkflowIdConflictPolicy } from "@temporalio/common";
import type { BalanceView } from "../core/account.js";
import { checkAccountCommand, checkAccountInput } from "../core/account-input.js";
import { invalidInput } from "../core/failures.js";
import type { PeriodKind } from "../core/period.js";
import type { UsdAmount } from "../core/run-request.js";
import { ClientError } from "./client-error.js";
import type { TermsOptions } from "./run-commands.js";
import type { Temporal } from "./temporal.js";
import { createUpdates } from "./updates.js";

/** What an account is made with. */
export interface AccountTerms {
  readonly limitUsd: UsdAmount;
  /** `day` and `month` begin at midnight UTC. @default "total" */
  readonly period?: PeriodKind;
  /** The account above: what is spent here is spent there too. */
  readonly parent?: string;
  /** Accounts that share the work of a hot one. @default 1 */
  readonly shards?: number;
}

type By = TermsOptions & { readonly by: string };

/** One account. Every method rejects with ClientError where the call does not go through. */
export interface AccountHandle {
  readonly account: string;
  balance(): Promise<BalanceView>;
  /** A limit below what is spent and leased is taken: nothing more is leased until it fits again. */
  setLimit(usd: UsdAmount, options: By): Promise<BalanceView>;
  addBudget(usd: UsdAmount, options: By): Promise<BalanceView>;
  /** Runs of the account stop before their next call, until `unfreeze`. */
  freeze(options: By): Promise<BalanceView>;
  unfreeze(options: By): Promise<BalanceView>;
}

/** The accounts of a namespace. */
export interface Accounts {
  /** A handle to an account that is there; calls nobody. */
  account(name: string): AccountHandle;
  /**
   * Makes an account, or sets the limit of the one that is there.
   * @throws WfloError `InvalidInput`; ClientError `id-taken` where it is there with another period or parent
   */
  setAccount(name: string, terms: AccountTerms, options: By): Promise<BalanceView>;
  hasAccount(name: string): Promise<boolean>;
  /** Their balances, by name; from the namespace's index, which lags by moments. */
  listAccounts(): Promise<readonly BalanceView[]>;
}

const BUDGET_ACCOUNT = "budgetAccount";
const PREFIX = "budget:";

export function createAccounts(temporal: Temporal): Accounts {
  const account = (name: string) => accountHandle(temporal, name);
  return {
    account,
    setAccount: async (name, terms, options) => await setAccount(temporal, name, terms, options),
    async hasAccount(name) {
      const handle = temporal.onlooker.workflow.getHandle(PREFIX + name);
      const { workflowId } = handle;
      try {
        return (await temporal.call(async () => await handle.describe(), { workflowId })).status.name === "RUNNING";
      } catch (error) {
        if (error instanceof ClientError && error.kind === "no-such-run") return false;
        throw error;
      }
    },
    async listAccounts() {
      const names: string[] = [];
      const query = `WorkflowType = '${BUDGET_ACCOUNT}' AND ExecutionStatus = 'Running'`;
      const found = temporal.onlooker.workflow.list({ query })[Symbol.asyncIterator]();
      for (;;) {
        const next = await temporal.call(async () => await found.next());
        if (next.done) break;
        names.push(next.value.workflowId.slice(PREFIX.length));
      }
      return await Promise.all(names.sort().map(async (name) => await account(name).balance()));
    },
  };
}

async function setAccount(temporal: Temporal, name: string, terms: AccountTerms, options: By): Promise<BalanceView> {
  const input = { account: name, ...terms };
  const checked = checkAccountInput(input);
  if ("problems" in checked) throw invalidInput(checked.problems);
  const handle = accountHandle(temporal, name);
  const isNew = await started(temporal, input);
  if (!isNew) checkSame(await handle.balance(), terms);
  // An account that cannot be (an unknown parent) fails before it takes a command.
  return await handle.setLimit(terms.limitUsd, options).catch(async (error: unknown) => {
    throw isNew ? ((await endOf(temporal, name)) ?? error) : error;
  });
}

async function started(temporal: Temporal, input: AccountTerms & { readonly account: string }): Promise<boolean> {
  const workflowId = PREFIX + input.account;
  try {
    await temporal.call(
      async () =>
        await temporal.client.workflow.start(BUDGET_ACCOUNT, {
          workflowId,
          taskQueue: temporal.taskQueue,
          args: [input],
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
          staticSummary: `the account ${input.account}`,
        }),
      { workflowId },
    );
    return true;
  } catch (error) {
    if (error instanceof ClientError && error.kind === "id-taken") return false;
    throw error;
  }
}

/** Why an account that was just made is none. */
async function endOf(temporal: Temporal, name: string): Promise<Error | undefined> {
  const handle = temporal.client.workflow.getHandle(PREFIX + name);
  const onlooker = temporal.onlooker.workflow.getHandle(handle.workflowId);
  const { status } = await temporal.call(async () => await onlooker.describe(), { workflowId: handle.workflowId });
  if (status.name === "RUNNING") return undefined;
  try {
    await handle.result();
    return undefined;
  } catch (error) {
    const cause = error instanceof WorkflowFailedError ? error.cause : undefined;
    return cause instanceof ApplicationFailure ? invalidInput([cause.message]) : undefined;
  }
}

/** An account's period and parent are for good. */
function checkSame(balance: BalanceView, { period, parent }: AccountTerms): void {
  const differs =
    (period !== undefined && period !== balance.period) || (parent !== undefined && parent !== balance.parent);
  if (!differs) return;
  const is = `is there with the period ${balance.period} and ${balance.parent === undefined ? "no parent" : `the parent ${balance.parent}`}`;
  const advice = "Nothing was changed: period and parent are chosen once, so make another account, or leave them out.";
  throw new ClientError("id-taken", `the account ${balance.account} ${is}`, advice);
}

function accountHandle(temporal: Temporal, account: string): AccountHandle {
  const handle = temporal.client.workflow.getHandle(PREFIX + account);
  const { workflowId } = handle;
  const update = createUpdates(temporal, handle);
  const command = async (name: string, payload: Record<string, unknown>, amount?: "limitUsd" | "addUsd") => {
    const given = Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
    const said = { id: randomUUID(), ...given };
    const checked = checkAccountCommand(said, amount);
    if ("problems" in checked) throw invalidInput(checked.problems);
    return await update<BalanceView>(name, said);
  };
  return {
    account,
    balance: async () =>
      await temporal.call(async () => await handle.query<BalanceView>("balance"), { workflowId, needsWorker: true }),
    setLimit: async (limitUsd, options) => await command("setLimit", { limitUsd, ...options }, "limitUsd"),
    addBudget: async (addUsd, options) => await command("addBudget", { addUsd, ...options }, "addUsd"),
    freeze: async (options) => await command("freeze", { ...options }),
    unfreeze: async (options) => await command("unfreeze", { ...options }),
  };
}

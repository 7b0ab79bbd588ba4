import {
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  ParentClosePolicy,
  setHandler,
  startChild,
  upsertMemo,
  workflowInfo,
} from "@temporalio/workflow";
import {
  type BalanceView,
  balanceOf,
  everCommitted,
  setAccountLimit,
  setFrozen,
  topUpProblem,
} from "../core/account.js";
import {
  type AccountCommand,
  type AccountInput,
  checkAccountCommand,
  checkAccountInput,
  checkLeaseAnswer,
  checkLeaseReport,
} from "../core/account-input.js";
import { remember, seen } from "../core/dedupe.js";
import { addUsd, formatUsd, MAX_NANO_USD, type NanoUsd, subtractUsdToZero } from "../core/money.js";
import { periodEndMs } from "../core/period.js";
import { type Account, type AccountState, openAccountState } from "./account-context.js";
import {
  everyone,
  hearAbove,
  hearHolder,
  lookAfterSilent,
  nextLookMs,
  rollPeriod,
  SILENT_MS,
  serveAll,
  serveSoon,
  settleAbove,
} from "./account-holders.js";
import { parentProblem } from "./calls.js";
import { commandOf } from "./commands.js";
import { refusedBecause } from "./decisions.js";
import { accountWorkflowId, BUDGET_ACCOUNT } from "./names.js";
import { endFlush, flushOutbox, recordAudit, recordEvent } from "./outbox.js";
import { nowMs } from "./run-context.js";

/** A history goes on for at least so many events, however much is carried into it. */
const FEWEST_EVENTS = 20;

/**
 * The money of one account, for as long as it is wanted: holders lease of it by signal and hear by signal.
 * @throws ApplicationFailure `InvalidInput`
 */
export async function budgetAccount(input: unknown, carried?: AccountState): Promise<never> {
  const checked = checkedInput(input);
  const account: Account = {
    input: checked,
    state: carried ?? openAccountState(checked),
    ready: false,
    words: 0,
    toServe: carried !== undefined,
    toTell: new Set(),
    lookNow: false,
    looking: false,
    settledAtMs: nowMs(),
    flush: null,
    workScope: null,
  };
  const beganAt = workflowInfo().historyLength;
  listen(account);
  if (!carried) await begin(account);
  account.ready = true;
  for (;;) {
    await untilDue(account, beganAt);
    rollPeriod(account);
    serveAll(account);
    lookAfterSilent(account);
    settleAbove(account);
    publish(account);
    if (shouldGoOnElsewhere(beganAt)) return await goOnElsewhere(account, input);
  }
}

function checkedInput(input: unknown): AccountInput {
  const checked = checkAccountInput(input);
  const problems = "problems" in checked ? checked.problems : idProblems(checked.command);
  if ("command" in checked && problems.length === 0) return checked.command;
  throw ApplicationFailure.nonRetryable(problems.join("; "), "InvalidInput", { problems });
}

function idProblems({ account }: AccountInput): readonly string[] {
  const id = accountWorkflowId(account);
  return workflowInfo().workflowId === id ? [] : [`account: the workflow's id has to be ${id}`];
}

/** An account that cannot lease from its parent is none; what holders say meanwhile waits in its books. */
async function begin(account: Account): Promise<void> {
  const { account: name, parent, shards, limitNanoUsd, period } = account.input;
  const problem = parent === undefined ? null : await parentProblem({ account: name, parent });
  if (problem !== null) throw ApplicationFailure.nonRetryable(problem, "InvalidInput", { problems: [problem] });
  upsertMemo({ wfloParent: parent, wfloShards: shards });
  recordAudit(account, "account.opened", {
    account: name,
    limitNanoUsd,
    period,
    ...(parent ? { parent } : {}),
    shards,
  });
  for (let shard = 1; shards > 1 && shard <= shards; shard += 1) await startShard(name, shard);
}

/** A shard has no limit of its own: what it leases of the account is all that it has. */
async function startShard(account: string, shard: number): Promise<void> {
  const name = `${account}/shard-${shard}`;
  try {
    await startChild(BUDGET_ACCOUNT, {
      workflowId: accountWorkflowId(name),
      args: [{ account: name, limitUsd: formatUsd(MAX_NANO_USD), parent: account }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
  } catch (error) {
    // One that is there already goes on.
    if (!(error instanceof Error && error.name === "WorkflowExecutionAlreadyStartedError")) throw error;
  }
}

async function untilDue(account: Account, beganAt: number): Promise<void> {
  const { state } = account;
  const isDue = () =>
    account.toServe || (account.lookNow && !account.looking) || shouldGoOnElsewhere(beganAt) || hasNews(account);
  const end = periodEndMs(state.books.kind, state.books.period);
  const look = nextLookMs(account);
  const waits = [
    ...(end === undefined ? [] : [end - nowMs()]),
    ...(look === undefined ? [] : [look]),
    ...(state.lease?.seq || state.publishing.failures > 0 ? [SILENT_MS] : []),
  ];
  // Holders that come, or take more, meanwhile are looked after sooner.
  const isSooner = () => (nextLookMs(account) ?? Number.POSITIVE_INFINITY) < (look ?? Number.POSITIVE_INFINITY);
  const isEnough = () => isDue() || isSooner();
  if (waits.length === 0) await condition(isEnough);
  else await condition(isEnough, Math.max(1, Math.min(...waits)));
}

function hasNews({ state, flush }: Account): boolean {
  return flush === null && state.outbox.waiting.length > 0 && state.publishing.failures === 0;
}

function publish(account: Account): void {
  const { state } = account;
  if (state.outbox.waiting.length === 0 && state.outbox.stored === null) return;
  state.turn += 1;
  if (state.turn >= state.publishing.nextTurn) flushOutbox(account);
}

function listen(account: Account): void {
  setHandler(defineQuery<BalanceView>("balance"), () => balance(account));
  setHandler(defineQuery("lease"), () => leaseView(account));
  setHandler(defineSignal<[unknown]>("lease"), (payload) => {
    const checked = checkLeaseReport(payload);
    if ("problems" in checked) return refuse(account, "lease", checked.problems);
    rollPeriod(account);
    return hearHolder(account, checked.command);
  });
  setHandler(defineSignal<[unknown]>("budgetCheck"), (payload) => {
    const checked = checkLeaseAnswer(payload);
    if ("problems" in checked) return refuse(account, "budgetCheck", checked.problems);
    return hearAbove(account, checked.command.lease);
  });
  command(account, "setLimit", "limitUsd", ({ nanoUsd }) => setLimit(account, nanoUsd as NanoUsd));
  command(account, "addBudget", "addUsd", ({ nanoUsd }) => {
    setLimit(account, addUsd(account.state.books.limitNanoUsd, nanoUsd as NanoUsd));
  });
  command(account, "freeze", undefined, () => freeze(account, true));
  command(account, "unfreeze", undefined, () => freeze(account, false));
}

/** An update by a person: checked before it is taken, counted once by its id, on the audit log, answered with the balance. */
function command(
  account: Account,
  name: string,
  amount: "limitUsd" | "addUsd" | undefined,
  act: (command: AccountCommand) => void,
): void {
  const read = (payload: unknown): AccountCommand => {
    const said = commandOf(checkAccountCommand(payload, amount));
    const isNew = said.id === undefined || !seen(account.state.seen, `${name}:${said.id}`);
    const problem =
      isNew && amount === "addUsd" ? topUpProblem(account.state.books, said.nanoUsd as NanoUsd) : undefined;
    if (problem !== undefined) throw refusedBecause(problem, "invalid");
    return said;
  };
  const handle = async (payload: unknown): Promise<BalanceView> => {
    // One that cannot be takes no command.
    await condition(() => account.ready);
    const said = read(payload);
    const { state } = account;
    const key = said.id === undefined ? undefined : `${name}:${said.id}`;
    if (key !== undefined && seen(state.seen, key)) return balance(account);
    if (key !== undefined) state.seen = remember(state.seen, key);
    rollPeriod(account);
    act(said);
    const { limitNanoUsd, frozen, account: path } = state.books;
    const reason = said.reason === undefined ? {} : { reason: said.reason.slice(0, 500) };
    recordEvent(account, "wflo.budget.changed", { account: path, by: said.by, limitNanoUsd, frozen, ...reason });
    recordAudit(account, "budget.changed", { account: path, command: name, limitNanoUsd, frozen, ...reason }, said.by);
    return balance(account);
  };
  setHandler(defineUpdate<BalanceView, [unknown]>(name), handle, { validator: (payload) => void read(payload) });
}

function setLimit(account: Account, limitNanoUsd: NanoUsd): void {
  account.state.books = setAccountLimit(account.state.books, limitNanoUsd);
  serveSoon(account);
}

function freeze(account: Account, frozen: boolean): void {
  account.state.books = setFrozen(account.state.books, frozen);
  serveSoon(account, everyone(account.state.books));
}

function refuse(account: Account, what: string, problems: readonly string[]): void {
  recordAudit(account, "command.refused", { command: what, message: problems.join("; ").slice(0, 1_000) });
}

function balance({ state, input: { parent } }: Account): BalanceView {
  const view = balanceOf(state.books, state.lease?.frozen === true);
  return parent === undefined ? view : { ...view, parent };
}

/** For the account above, which looks after one that says nothing. */
function leaseView({ state }: Account): { leaseId: string; spentNanoUsd: NanoUsd } | null {
  if (!state.lease) return null;
  const { leaseId, baseNanoUsd } = state.lease;
  return { leaseId, spentNanoUsd: subtractUsdToZero(everCommitted(state.books), baseNanoUsd) };
}

function shouldGoOnElsewhere(beganAt: number): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested && historyLength - beganAt >= FEWEST_EVENTS;
}

async function goOnElsewhere(account: Account, input: unknown): Promise<never> {
  do {
    serveAll(account);
    await endFlush(account);
    await condition(() => allHandlersFinished() && account.words === 0 && !account.looking);
  } while (account.flush !== null || account.toServe);
  return await continueAsNew<typeof budgetAccount>(input, account.state);
}

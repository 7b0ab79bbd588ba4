import { type Checked, check, checkTerms, type TermsCommand } from "./commands.js";
import type { Fields } from "./fields.js";
import { ACCOUNT_LIKE, ACCOUNT_NAME } from "./input.js";
import type { LeaseAnswer, LeaseReport } from "./lease.js";
import { MAX_NANO_USD, type NanoUsd, ZERO_USD } from "./money.js";
import { PERIODS, type PeriodKind } from "./period.js";

/** `budgetAccount`'s input, checked and with every default filled in. */
export interface AccountInput {
  readonly account: string;
  readonly limitNanoUsd: NanoUsd;
  /** @default "total" */
  readonly period: PeriodKind;
  readonly parent?: string;
  /** Accounts that share the work of a hot one. @default 1 */
  readonly shards: number;
}

/** Updates `setLimit` and `addBudget`, `freeze` and `unfreeze` of an account. */
export type AccountCommand = Pick<TermsCommand, "by" | "reason" | "id"> & { readonly nanoUsd?: NanoUsd };

const MOST_SHARDS = 64;
const MOST_NAME = 200;
const MOST_ID = 500;
const MOST_REASON = 4_000;
/** Ids of Temporal's, and of ours made of them. */
const MOST_WORKFLOW_ID = 1_000;

/** Checks an input of `budgetAccount` from outside; all that is wrong is told at once. Never throws. */
export function checkAccountInput(value: unknown): Checked<AccountInput> {
  return check(value, (fields) => {
    const account = fields.text("account", {
      required: true,
      most: MOST_NAME,
      pattern: ACCOUNT_NAME,
      like: ACCOUNT_LIKE,
    });
    const parent = fields.text("parent", { most: MOST_NAME, pattern: ACCOUNT_NAME, like: ACCOUNT_LIKE });
    fields.require("limitUsd", 'US dollars such as "100"');
    if (parent !== undefined && parent === account) fields.problem("parent", "must be another account");
    return {
      account: account ?? "",
      limitNanoUsd: fields.usd("limitUsd") ?? ZERO_USD,
      period: fields.choice("period", PERIODS) ?? "total",
      ...(parent === undefined ? {} : { parent }),
      shards: fields.wholeNumber("shards", { from: 1, to: MOST_SHARDS }) ?? 1,
    };
  });
}

/** @param amount the field that has to have an amount; undefined: none does */
export function checkAccountCommand(value: unknown, amount?: "limitUsd" | "addUsd"): Checked<AccountCommand> {
  return check(value, (fields) => {
    if (amount !== undefined) fields.require(amount, 'US dollars such as "0.50"');
    const nanoUsd = amount === undefined ? undefined : fields.usd(amount);
    const reason = fields.text("reason", { most: MOST_REASON });
    const id = fields.text("id", { most: MOST_ID });
    return {
      ...(nanoUsd === undefined ? {} : { nanoUsd }),
      by: fields.text("by", { required: true, most: MOST_NAME, like: "the name of who says so" }) ?? "",
      ...(reason === undefined ? {} : { reason }),
      ...(id === undefined ? {} : { id }),
    };
  });
}

/** Signal `lease` of an account: what a holder says. */
export function checkLeaseReport(value: unknown): Checked<LeaseReport> {
  return check(value, (fields) => {
    const ask = fields.inner("ask");
    return {
      workflowId: id(fields, "workflowId"),
      leaseId: id(fields, "leaseId"),
      runId: id(fields, "runId"),
      holds: fields.choice("holds", ["run", "account"]) ?? "run",
      seq: count(fields, "seq"),
      capNanoUsd: amountOf(fields, "capNanoUsd"),
      spentNanoUsd: amountOf(fields, "spentNanoUsd"),
      period: fields.value.period === "" ? "" : (fields.text("period", { required: true, most: MOST_NAME }) ?? ""),
      earlierNanoUsd: amountOf(fields, "earlierNanoUsd"),
      ...(ask ? { ask: askOf(ask) } : {}),
      ...(fields.flag("ends") === true ? { ends: true as const } : {}),
      ...(fields.flag("stale") === true ? { stale: true as const } : {}),
    };
  });
}

/** Signal `budgetCheck` of a run: new terms of a person, or its account's word. */
export function checkBudgetCheck(value: unknown): Checked<TermsCommand | { readonly lease: LeaseAnswer }> {
  const isAccounts = typeof value === "object" && value !== null && "lease" in value;
  return isAccounts ? checkLeaseAnswer(value) : checkTerms(value);
}

/** Member `lease` of the signal `budgetCheck`: what an account says. */
export function checkLeaseAnswer(value: unknown): Checked<{ readonly lease: LeaseAnswer }> {
  return check(value, (outer) => {
    outer.require("lease");
    const fields = outer.inner("lease") ?? outer;
    const overFor = fields.text("overFor", { most: MOST_WORKFLOW_ID });
    const lease: LeaseAnswer = {
      account: id(fields, "account"),
      leaseId: id(fields, "leaseId"),
      answers: count(fields, "answers"),
      version: count(fields, "version"),
      capNanoUsd: amountOf(fields, "capNanoUsd"),
      period: id(fields, "period"),
      frozen: fields.flag("frozen") ?? false,
      tight: fields.flag("tight") ?? false,
      ...(fields.flag("short") === true ? { short: true as const } : {}),
      ...(overFor === undefined ? {} : { overFor }),
    };
    return { lease };
  });
}

function askOf(fields: Fields): NonNullable<LeaseReport["ask"]> {
  return {
    leastNanoUsd: amountOf(fields, "leastNanoUsd"),
    mostNanoUsd: amountOf(fields, "mostNanoUsd"),
    waits: fields.flag("waits") ?? false,
  };
}

function id(fields: Fields, name: string): string {
  return fields.text(name, { required: true, most: MOST_WORKFLOW_ID }) ?? "";
}

function count(fields: Fields, name: string): number {
  fields.require(name);
  return fields.wholeNumber(name, { from: 0, to: Number.MAX_SAFE_INTEGER }) ?? 0;
}

function amountOf(fields: Fields, name: string): NanoUsd {
  fields.require(name);
  return (fields.wholeNumber(name, { from: 0, to: MAX_NANO_USD }) ?? 0) as NanoUsd;
}

import { type Fields, fieldsOf } from "./fields.js";
import type { Json } from "./json.js";
import type { NanoUsd } from "./money.js";
import type { TextOrRef } from "./transcript.js";

/** What was read of a command's payload, or what is wrong with it. */
export type Checked<T> = { readonly command: T } | { readonly problems: readonly string[] };

/** New budget terms: signal `budgetCheck`, update `addBudget`. */
export interface TermsCommand {
  readonly addNanoUsd?: NanoUsd;
  readonly limitNanoUsd?: NanoUsd;
  readonly freeze?: boolean;
  readonly by: string;
  readonly reason?: string;
  readonly id?: string;
}

/** One person's word on a gate: signals `approve` and `reject`, update `decideApproval`. */
export interface DecisionCommand {
  readonly gate: string;
  readonly decision: "approve" | "reject";
  readonly by: string;
  readonly comment?: string;
  readonly args?: Json;
  readonly digest?: string;
}

/** Something a person says: signal `message`, update `sendMessage`. */
export interface MessageCommand {
  readonly text: TextOrRef;
  readonly by?: string;
  readonly id?: string;
}

/** Above this a message has to be a blob's address, in bytes. */
export const MESSAGE_BYTES = 256 * 1024;

export function checkTerms(value: unknown, options: { readonly addRequired?: boolean } = {}): Checked<TermsCommand> {
  return check(value, (fields) => {
    const addNanoUsd = fields.usd("addUsd");
    const limitNanoUsd = options.addRequired ? undefined : fields.usd("limitUsd");
    const freeze = options.addRequired ? undefined : fields.flag("freeze");
    if (options.addRequired && addNanoUsd === undefined && !Object.hasOwn(fields.value, "addUsd")) fields.problem("addUsd", "is missing");
    return {
      ...(addNanoUsd === undefined ? {} : { addNanoUsd }),
      ...(limitNanoUsd === undefined ? {} : { limitNanoUsd }),
      ...(freeze === undefined ? {} : { freeze }),
      by: fields.text("by", { required: options.addRequired === true, most: 500 }) ?? "unknown",
      ...optional("reason", fields.text("reason", { most: 4_000 })),
      ...optional("id", fields.text("id", { most: 500 })),
    };
  });
}

export function checkDecision(value: unknown, decision?: "approve" | "reject"): Checked<DecisionCommand> {
  return check(value, (fields) => {
    const word = decision ?? fields.choice("decision", ["approve", "reject"]);
    if (word === undefined && !Object.hasOwn(fields.value, "decision")) fields.problem("decision", "is missing; it is approve or reject");
    const args = Object.hasOwn(fields.value, "args") ? fields.object("args") : undefined;
    return {
      gate: fields.text("gate", { required: true, most: 200 }) ?? "",
      decision: word ?? "reject",
      by: fields.text("by", { required: true, most: 500 }) ?? "",
      ...optional("comment", fields.text("comment", { most: 16_000 })),
      ...optional("args", args),
      ...optional("digest", fields.text("digest", { most: 200 })),
    };
  });
}

export function checkMessage(value: unknown): Checked<MessageCommand> {
  return check(value, (fields) => ({
    text: fields.textOrRef("text", { required: true, mostBytes: MESSAGE_BYTES }) ?? "",
    ...optional("by", fields.text("by", { most: 500 })),
    ...optional("id", fields.text("id", { most: 500 })),
  }));
}

/** Signals `pause` and `resume`: who, where they say so. */
export function checkSteer(value: unknown): Checked<{ readonly by?: string }> {
  if (value === undefined || value === null) return { command: {} };
  return check(value, (fields) => ({ ...optional("by", fields.text("by", { most: 500 })) }));
}

function check<T>(value: unknown, read: (fields: Fields) => T): Checked<T> {
  const problems: string[] = [];
  const fields = fieldsOf(value, "", problems);
  if (!fields) return { problems };
  const command = read(fields);
  return problems.length > 0 ? { problems } : { command };
}

function optional<K extends string, T>(name: K, value: T | undefined): { readonly [key in K]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [key in K]?: T };
}

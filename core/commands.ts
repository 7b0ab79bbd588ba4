import { INLINE_BYTES } from "./activity-contract.js";
import { type Fields, fieldsOf } from "./fields.js";
import type { Json } from "./json.js";
import type { NanoUsd } from "./money.js";
import type { TextOrRef } from "./transcript.js";

/** What was read of a command's payload, or all that is wrong with it, each field by its name. */
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
  /** Arguments to run instead; an object, or where it is: `{"ref":"sha256:…"}` (above 32 KiB it has to be). */
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

const MOST_NAME = 200;
const MOST_ID = 500;
const MOST_REASON = 4_000;
const MOST_COMMENT = 16_000;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * Signal `budgetCheck` (a freeze without `by` still freezes: `by` is then "unknown"); with `addRequired` the update
 * `addBudget`, which takes `addUsd`, `by` and `id` alone.
 */
export function checkTerms(value: unknown, options: { readonly addRequired?: boolean } = {}): Checked<TermsCommand> {
  const addOnly = options.addRequired === true;
  return check(value, (fields) => {
    if (addOnly) fields.require("addUsd", 'US dollars such as "0.50"');
    const addNanoUsd = fields.usd("addUsd");
    const limitNanoUsd = addOnly ? undefined : fields.usd("limitUsd");
    const freeze = addOnly ? undefined : fields.flag("freeze");
    if (addNanoUsd !== undefined && limitNanoUsd !== undefined) {
      fields.problem("addUsd", "must not stand beside limitUsd: give one of the two");
    }
    return {
      ...optional("addNanoUsd", addNanoUsd),
      ...optional("limitNanoUsd", limitNanoUsd),
      ...optional("freeze", freeze),
      by: addOnly
        ? (fields.text("by", { required: true, most: MOST_NAME }) ?? "")
        : (optionalText(fields, "by", MOST_NAME).by ?? "unknown"),
      ...optionalText(fields, "reason", MOST_REASON),
      ...optionalText(fields, "id", MOST_ID),
    };
  });
}

/** Update `decideApproval`; with `decision` the signal of that name. */
export function checkDecision(value: unknown, decision?: "approve" | "reject"): Checked<DecisionCommand> {
  return check(value, (fields) => {
    if (decision === undefined) fields.require("decision", "approve or reject");
    return {
      gate: fields.text("gate", { required: true, most: MOST_NAME, like: "a gate's id such as g1" }) ?? "",
      decision: decision ?? fields.choice("decision", ["approve", "reject"]) ?? "reject",
      by: fields.text("by", { required: true, most: MOST_NAME, like: "the name of who decides" }) ?? "",
      ...optionalText(fields, "comment", MOST_COMMENT),
      ...optional("args", fields.object("args", { mostBytes: INLINE_BYTES })),
      ...optional("digest", fields.text("digest", { pattern: DIGEST, like: "the digest that the gate shows" })),
    };
  });
}

/** A text that may be left out; an empty one counts as left out, as forms send it. */
function optionalText<K extends string>(fields: Fields, name: K, most: number): { readonly [key in K]?: string } {
  return fields.value[name] === "" ? {} : optional(name, fields.text(name, { most }));
}

/** Signal `message`, update `sendMessage`. */
export function checkMessage(value: unknown): Checked<MessageCommand> {
  return check(value, (fields) => ({
    text: fields.textOrRef("text", { required: true, mostBytes: MESSAGE_BYTES }) ?? "",
    ...optionalText(fields, "by", MOST_NAME),
    ...optionalText(fields, "id", MOST_ID),
  }));
}

/** Signals `pause` and `resume`: who, where they say so; the payload may be left out. */
export function checkSteer(value: unknown): Checked<{ readonly by?: string }> {
  if (value === undefined || value === null) return { command: {} };
  return check(value, (fields) => optionalText(fields, "by", MOST_NAME));
}

/** Reads a payload's fields, and collects what is wrong with them. */
export function check<T>(value: unknown, read: (fields: Fields) => T): Checked<T> {
  const problems: string[] = [];
  const fields = fieldsOf(value, "", problems);
  if (!fields) return { problems };
  const command = read(fields);
  return problems.length > 0 ? { problems } : { command };
}

function optional<K extends string, T>(name: K, value: T | undefined): { readonly [key in K]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [key in K]?: T };
}

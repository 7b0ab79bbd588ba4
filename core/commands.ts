import { INLINE_BYTES } from "./activity-contract.js";
import { type Fields, fieldsOf } from "./fields.js";
import type { Json } from "./json.js";
import type { NanoUsd } from "./money.js";
import type { TextOrRef } from "./transcript.js";
import { NO_USAGE, type Usage } from "./usage.js";

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
  /** The same, signed by who decides: a JWT (`core/signed-decision.ts`). Then `digest` is named. */
  readonly token?: string;
}

/** What a provider's list says of attempts that stand as unconfirmed: update `reconcile`. */
export interface ReconcileCommand {
  readonly attempts: readonly {
    /** As the books name it, such as `t3.a1`. */
    readonly attempt: string;
    /** Absent: it was not billed. */
    readonly usage?: Usage;
    readonly requestId?: string;
  }[];
  readonly by: string;
  readonly id?: string;
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
/** A compact JWS: three parts in base64url. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const MOST_TOKEN = 64 * 1024;
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
      ...signedDigest(fields),
    };
  });
}

/** What was signed names what it is about. */
function signedDigest(fields: Fields): { readonly digest?: string; readonly token?: string } {
  const token = fields.text("token", { pattern: TOKEN, most: MOST_TOKEN, like: "a JWT" });
  if (token !== undefined) fields.require("digest", "the digest that the gate shows, as it was signed");
  const digest = fields.text("digest", { pattern: DIGEST, like: "the digest that the gate shows" });
  return { ...optional("digest", digest), ...optional("token", token) };
}

/** A text that may be left out; an empty one counts as left out, as forms send it. */
function optionalText<K extends string>(fields: Fields, name: K, most: number): { readonly [key in K]?: string } {
  return fields.value[name] === "" ? {} : optional(name, fields.text(name, { most }));
}

const MOST_ATTEMPTS = 50;
const ATTEMPT = /^t[1-9]\d{0,9}\.a[1-9]\d{0,9}$/;
const COUNTS = ["inputTokens", "outputTokens", "cachedInputTokens", "cacheWriteTokens", "reasoningTokens"] as const;

/** Update `reconcile`. */
export function checkReconcile(value: unknown): Checked<ReconcileCommand> {
  return check(value, (fields) => {
    const { attempts } = fields.value as { attempts?: unknown };
    const isList = Array.isArray(attempts) && attempts.length > 0 && attempts.length <= MOST_ATTEMPTS;
    if (!isList) fields.problem("attempts", `must be a list of 1 to ${MOST_ATTEMPTS} attempts`);
    return {
      attempts: isList ? attempts.map((one: unknown, index) => reconciledAttempt(fields, one, index)) : [],
      by: fields.text("by", { required: true, most: MOST_NAME, like: "the name of who reconciles" }) ?? "",
      ...optionalText(fields, "id", MOST_ID),
    };
  });
}

function reconciledAttempt(fields: Fields, value: unknown, index: number): ReconcileCommand["attempts"][number] {
  const name = `attempts[${index}]`;
  const { attempt, usage, requestId } = (value ?? {}) as { attempt?: unknown; usage?: unknown; requestId?: unknown };
  if (typeof attempt !== "string" || !ATTEMPT.test(attempt)) {
    fields.problem(`${name}.attempt`, "must be an attempt as the books name it, such as t3.a1");
  }
  const id = typeof requestId === "string" ? { requestId: requestId.slice(0, MOST_NAME) } : {};
  if (usage === undefined) return { attempt: String(attempt), ...id };
  const counts = (usage ?? {}) as Partial<Record<(typeof COUNTS)[number], unknown>>;
  for (const count of COUNTS) {
    const number = counts[count] ?? (count === "inputTokens" || count === "outputTokens" ? undefined : 0);
    if (!(Number.isSafeInteger(number) && (number as number) >= 0)) {
      fields.problem(`${name}.usage.${count}`, "must be a whole number of tokens");
    }
  }
  return { attempt: String(attempt), usage: { ...NO_USAGE, ...(counts as Partial<Usage>) }, ...id };
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

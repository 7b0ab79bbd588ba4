import type { ForkPoint } from "./activity-contract.js";
import { utf8Bytes } from "./digest.js";
import { type Fields, fieldsOf, isProblem, shown, textOrRefOf } from "./fields.js";
import type { OnTimeout } from "./gate.js";
import type { JsonObject } from "./json.js";
import type { RunLimits } from "./limits.js";
import type { NanoUsd } from "./money.js";
import type { ApprovalRules } from "./policy.js";
import type { BlobAddress, BlobRef, TextOrRef } from "./transcript.js";

/** What a run does when the next call does not fit its budget. */
export type OnExhausted = "fail" | "pause" | "degrade" | "throw";

export interface RunBudget {
  /** Null: its account's limit is the only one. */
  readonly limitNanoUsd: NanoUsd | null;
  readonly softLimitNanoUsd?: NanoUsd;
  readonly onExhausted: OnExhausted;
}

export interface RunApprovals extends ApprovalRules {
  /** Undefined: a gate waits for ever. */
  readonly timeoutMs?: number;
  readonly onTimeout: OnTimeout;
  /** Empty: anyone. */
  readonly approvers: readonly string[];
  readonly quorum: number;
  readonly escalateTo: readonly string[];
  readonly identity: "asserted" | "verified";
}

/** `agentRun`'s input, checked and with every default filled in. */
export interface RunInput {
  readonly agent: string;
  /** Null: nothing is said first, which only a fork can do. */
  readonly input: TextOrRef | null;
  /** `model` and then `models`, each once, in order of preference; empty: the agent's own. */
  readonly models: readonly string[];
  readonly maxTurns: number;
  readonly budget?: RunBudget;
  readonly account?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly limits: RunLimits;
  readonly outputSchema?: JsonObject;
  readonly approvals: RunApprovals;
  /** By path in the workspace. */
  readonly files: Readonly<Record<string, string | BlobRef>>;
  /**
   * `{"transcript":"sha256:…","turn"?:N}`: the run goes on from another run's transcript, after turn N with what its tools
   * answered (without `turn`: from its end), with the workspace as it was then. `input` is what the user says next; it may
   * be left out where the transcript does not end with an answer.
   */
  readonly fork?: ForkPoint;
}

/** Ends a run whose model calls tools for ever; `limits.sameCall` has no default of its own, since polling is honest work. */
const DEFAULT_MAX_TURNS = 50;
const MOST_TURNS = 1_000_000;
const MOST_MODELS = 100;
const MOST_LABELS = 50;
const MOST_LABEL_LENGTH = 500;
const MOST_TOOL_RULES = 500;
const MOST_FILES = 1_000;
const MOST_APPROVERS = 100;
/** Lists that travel with every event about them, or with every gate. */
const CARRIED_BYTES = 4 * 1024;
const LONGEST_TOOL = 200;
const SCHEMA_BYTES = 64 * 1024;
/** The input is stored with the run and carried along: texts that are larger in all have to be refs. */
const INLINE_TEXT_BYTES = 1024 * 1024;
/** More is not read by anyone, and a failure has to fit its payload. */
const PROBLEMS_TOLD = 50;
/** Names travel with every call. */
const LONGEST_MODEL = 500;
const TRANSCRIPT_LIKE = "the transcript's address: sha256: and 64 hexadecimal digits";

const MODEL = /^[a-z][a-z0-9-]*\/[^\s\p{Cc}](?:[^\p{Cc}]*[^\s\p{Cc}])?$/u;
const MODEL_LIKE = "provider/model, such as openai/gpt-4o-mini";
export const ACCOUNT_NAME = /^[a-z0-9][a-z0-9_-]*(?:\/[a-z0-9][a-z0-9_-]*)*$/;
export const ACCOUNT_LIKE = "an account's path such as acme/search, of lower-case letters, digits and hyphens";

/**
 * Checks an input of `agentRun` from outside. All that is wrong is told at once: each field by its path, with what is
 * wrong and what is accepted. Fields that nobody knows are ignored, `null` counts as not given. Never throws.
 */
export function checkRunInput(value: unknown): { readonly input: RunInput } | { readonly problems: readonly string[] } {
  const problems: string[] = [];
  const fields = fieldsOf(value, "", problems);
  if (!fields) {
    return { problems: [`the input: must be one object like {"agent":"assistant","input":"…"}, not ${shown(value)}`] };
  }
  const input = readInput(fields);
  const more = problems.length - PROBLEMS_TOLD;
  if (more > 0) return { problems: [...problems.slice(0, PROBLEMS_TOLD), `and ${more} more problems`] };
  return problems.length > 0 ? { problems } : { input };
}

function readInput(fields: Fields): RunInput {
  const account = fields.text("account", { most: 200, pattern: ACCOUNT_NAME, like: ACCOUNT_LIKE });
  const budget = readBudget(fields.inner("budget"), account !== undefined);
  const outputSchema = fields.object("outputSchema", { mostBytes: SCHEMA_BYTES });
  const fork = readFork(fields.inner("fork"));
  return {
    agent: fields.text("agent", { required: true, most: 200, like: "an agent's name" }) ?? "",
    input: fields.textOrRef("input", { required: !fields.given("fork"), mostBytes: INLINE_TEXT_BYTES }) ?? null,
    models: readModels(fields),
    maxTurns: fields.wholeNumber("maxTurns", { from: 1, to: MOST_TURNS }) ?? DEFAULT_MAX_TURNS,
    ...(budget ? { budget } : {}),
    ...(account === undefined ? {} : { account }),
    labels: readLabels(fields),
    limits: readLimits(fields.inner("limits")),
    ...(outputSchema ? { outputSchema } : {}),
    approvals: readApprovals(fields.inner("approvals")),
    files: readFiles(fields),
    ...(fork ? { fork } : {}),
  };
}

function readFork(fields: Fields | undefined): ForkPoint | undefined {
  const rule = { required: true, pattern: /^sha256:[0-9a-f]{64}$/, like: TRANSCRIPT_LIKE };
  const transcript = fields?.text("transcript", rule);
  const turn = fields?.wholeNumber("turn", { from: 1, to: MOST_TURNS });
  if (transcript === undefined) return undefined;
  return { transcript: transcript as BlobAddress, ...(turn === undefined ? {} : { turn }) };
}

function readModels(fields: Fields): readonly string[] {
  const rule = { pattern: MODEL, like: MODEL_LIKE, most: LONGEST_MODEL };
  const model = fields.text("model", rule);
  const models = fields.texts("models", rule) ?? [];
  if (models.length > MOST_MODELS) fields.problem("models", `must be at most ${MOST_MODELS} models`);
  return [...new Set(model === undefined ? models : [model, ...models])];
}

/** @param hasAccount the account's limit is one already */
function readBudget(fields: Fields | undefined, hasAccount: boolean): RunBudget | undefined {
  if (!fields) return undefined;
  if (!hasAccount) fields.require("limitUsd", 'US dollars such as "0.50"');
  const limitNanoUsd = fields.usd("limitUsd") ?? (hasAccount ? null : undefined);
  const softLimitNanoUsd = fields.usd("softLimitUsd");
  const onExhausted = fields.choice("onExhausted", ["fail", "pause", "degrade", "throw"]) ?? "fail";
  if (limitNanoUsd === undefined) return undefined;
  if (softLimitNanoUsd !== undefined && limitNanoUsd !== null && softLimitNanoUsd > limitNanoUsd) {
    fields.problem("softLimitUsd", "must not be above limitUsd");
  }
  return { limitNanoUsd, ...(softLimitNanoUsd === undefined ? {} : { softLimitNanoUsd }), onExhausted };
}

function readLabels(fields: Fields): Readonly<Record<string, string>> {
  const labels: [string, string][] = [];
  for (const [name, label] of fields.entries("labels", MOST_LABELS)) {
    if (name === "" || name.length > MOST_LABEL_LENGTH) {
      fields.problem(`labels.${keyOf(name)}`, `needs a name of 1 to ${MOST_LABEL_LENGTH} characters`);
    } else if (typeof label !== "string" || label.length > MOST_LABEL_LENGTH) {
      fields.problem(
        `labels.${keyOf(name)}`,
        `must be a text of at most ${MOST_LABEL_LENGTH} characters, not ${shown(label)}`,
      );
    } else labels.push([name, label]);
  }
  if (listBytes(labels.flat()) > CARRIED_BYTES)
    fields.problem("labels", `must be at most ${CARRIED_BYTES / 1_024} KiB in all`);
  return Object.fromEntries(labels);
}

function readLimits(fields: Fields | undefined): RunLimits {
  if (!fields) return {};
  const most = Number.MAX_SAFE_INTEGER;
  const toolCalls = fields.wholeNumber("toolCalls", { from: 0, to: most });
  const wallTimeMs = fields.durationMs("wallTime");
  const tokens = fields.wholeNumber("tokens", { from: 1, to: most });
  const sameCall = fields.wholeNumber("sameCall", { from: 1, to: 50 });
  return {
    ...(toolCalls === undefined ? {} : { toolCalls }),
    ...(wallTimeMs === undefined ? {} : { wallTimeMs }),
    ...(tokens === undefined ? {} : { tokens }),
    ...(sameCall === undefined ? {} : { sameCall }),
  };
}

function readApprovals(fields: Fields | undefined): RunApprovals {
  const approvers = fields?.texts("approvers", { most: 200 }) ?? [];
  const escalateTo = fields?.texts("escalateTo", { most: 200 }) ?? [];
  for (const [name, people] of Object.entries({ approvers, escalateTo })) {
    if (people.length > MOST_APPROVERS) fields?.problem(name, `must be at most ${MOST_APPROVERS} people`);
    else if (listBytes(people) > CARRIED_BYTES)
      fields?.problem(name, `must be at most ${CARRIED_BYTES / 1_024} KiB in all`);
  }
  const quorum = fields?.wholeNumber("quorum", { from: 1, to: MOST_APPROVERS }) ?? 1;
  const timeoutMs = fields?.durationMs("timeout");
  const onTimeout = fields?.choice("onTimeout", ["reject", "approve", "escalate"]) ?? "reject";
  if (approvers.length > 0 && quorum > approvers.length) {
    fields?.problem("quorum", `must not be above the ${approvers.length} approvers that are given`);
  }
  if (onTimeout === "escalate" && !fields?.given("escalateTo")) {
    fields?.problem("escalateTo", "is missing; with onTimeout escalate it must name the people to ask then");
  } else if (onTimeout === "escalate" && escalateTo.length === 0) {
    fields?.problem("escalateTo", "must name somebody, as onTimeout is escalate");
  }
  if (onTimeout === "escalate" && escalateTo.length > 0 && quorum > escalateTo.length) {
    fields?.problem(
      "quorum",
      `must not be above the ${escalateTo.length} people of escalateTo, who have to reach it too`,
    );
  }
  return {
    default: fields?.choice("default", ["unsafe", "always", "never"]) ?? "unsafe",
    tools: fields ? readToolRules(fields) : {},
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    onTimeout,
    approvers,
    quorum,
    escalateTo,
    identity: fields?.choice("identity", ["asserted", "verified"]) ?? "asserted",
  };
}

function readToolRules(fields: Fields): Readonly<Record<string, "always" | "never">> {
  const rules: [string, "always" | "never"][] = [];
  for (const [tool, rule] of fields.entries("tools", MOST_TOOL_RULES)) {
    if (tool === "" || tool.length > LONGEST_TOOL) {
      fields.problem(`tools.${keyOf(tool)}`, `must be named by a tool, of 1 to ${LONGEST_TOOL} characters`);
    } else if (rule === "always" || rule === "never") rules.push([tool, rule]);
    else fields.problem(`tools.${keyOf(tool)}`, `must be one of always, never, not ${shown(rule)}`);
  }
  return Object.fromEntries(rules);
}

function readFiles(fields: Fields): Readonly<Record<string, string | BlobRef>> {
  const files: [string, string | BlobRef][] = [];
  let bytes = 0;
  for (const [name, content] of fields.entries("files", MOST_FILES)) {
    const read = textOrRefOf(content);
    if (!isFileName(name)) {
      fields.problem(`files.${keyOf(name)}`, "must be named by a relative path, without empty parts, . or ..");
    } else if (isProblem(read)) fields.problem(`files.${name}`, read.problem);
    else {
      files.push([name, read]);
      bytes += typeof read === "string" ? textBytes(read) : 0;
    }
  }
  if (bytes > INLINE_TEXT_BYTES) {
    fields.problem(
      "files",
      'are larger than 1024 KiB in all; put them into the blob store and send {"ref":"sha256:…"}',
    );
  }
  return Object.fromEntries(files);
}

/** UTF-8 bytes of texts in all. */
function listBytes(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + textBytes(text), 0);
}

/** UTF-8 bytes; texts that are surely too large are not counted through. */
function textBytes(text: string): number {
  return text.length > INLINE_TEXT_BYTES ? text.length : utf8Bytes(text);
}

/** A name in a path: as it is where it is plain, else quoted and cut. */
function keyOf(name: string): string {
  return /^[\w.-]{1,60}$/.test(name) ? name : shown(name);
}

/** A path inside the workspace. */
export function isFileName(name: string): boolean {
  if (name === "" || name.length > 500 || /[\p{Cc}\\]/u.test(name)) return false;
  return name.split("/").every((part) => part !== "" && part !== "." && part !== ".." && utf8Bytes(part) <= 255);
}

import type { JsonObject } from "./json.js";
import { type Fields, fieldsOf, shown, textOrRefOf } from "./fields.js";
import type { OnTimeout } from "./gate.js";
import type { RunLimits } from "./limits.js";
import type { NanoUsd } from "./money.js";
import type { ApprovalRules } from "./policy.js";
import type { BlobRef, TextOrRef } from "./transcript.js";

/** What a run does when the next call does not fit its budget. */
export type OnExhausted = "fail" | "pause" | "degrade" | "throw";

export interface RunBudget {
  readonly limitNanoUsd: NanoUsd;
  readonly softLimitNanoUsd?: NanoUsd;
  readonly onExhausted: OnExhausted;
}

export interface RunApprovals extends ApprovalRules {
  /** Undefined: a gate waits for ever. */
  readonly timeoutMs?: number;
  readonly onTimeout: OnTimeout;
  readonly approvers: readonly string[];
  readonly quorum: number;
  readonly escalateTo: readonly string[];
  readonly identity: "asserted" | "verified";
}

/** `agentRun`'s input, checked and with every default filled in. */
export interface RunInput {
  readonly agent: string;
  readonly input: TextOrRef;
  /** In order of preference; empty: the agent's own. */
  readonly models: readonly string[];
  readonly maxTurns: number;
  readonly budget?: RunBudget;
  readonly account?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly limits: RunLimits;
  readonly outputSchema?: JsonObject;
  readonly approvals: RunApprovals;
  readonly files: Readonly<Record<string, string | BlobRef>>;
}

const DEFAULT_MAX_TURNS = 50;
const MOST_TURNS = 1_000_000;
const MODEL = /^[a-z][a-z0-9-]*\/\S+$/;
const ACCOUNT = /^[a-z0-9][a-z0-9_-]*(\/[a-z0-9][a-z0-9_-]*)*$/;

/** Checks an input from outside; all that is wrong at once, each by its path. Unknown fields are ignored. */
export function checkRunInput(value: unknown): { readonly input: RunInput } | { readonly problems: readonly string[] } {
  const problems: string[] = [];
  const fields = fieldsOf(value, "", problems);
  if (!fields) return { problems: ['the input: must be an object like {"agent":"assistant","input":"…"}'] };
  const input = readInput(fields);
  return problems.length > 0 ? { problems } : { input };
}

function readInput(fields: Fields): RunInput {
  const budget = readBudget(fields.inner("budget"));
  const account = fields.text("account", { most: 200, pattern: ACCOUNT, like: "an account's path such as acme/search" });
  const outputSchema = fields.object("outputSchema");
  return {
    agent: fields.text("agent", { required: true, most: 200 }) ?? "",
    input: fields.textOrRef("input", { required: true }) ?? "",
    models: readModels(fields),
    maxTurns: fields.wholeNumber("maxTurns", { from: 1, to: MOST_TURNS }) ?? DEFAULT_MAX_TURNS,
    ...(budget ? { budget } : {}),
    ...(account === undefined ? {} : { account }),
    labels: readLabels(fields),
    limits: readLimits(fields.inner("limits")),
    ...(outputSchema ? { outputSchema } : {}),
    approvals: readApprovals(fields.inner("approvals")),
    files: readFiles(fields),
  };
}

function readModels(fields: Fields): readonly string[] {
  const like = "provider/model, such as openai/gpt-4o-mini";
  const model = fields.text("model", { pattern: MODEL, like, most: 4_000 });
  const models = fields.texts("models") ?? [];
  for (const [index, name] of models.entries()) {
    if (!MODEL.test(name)) fields.problem(`models[${index}]`, `must be ${like}, not ${shown(name)}`);
  }
  return [...new Set(model === undefined ? models : [model, ...models])];
}

function readBudget(fields: Fields | undefined): RunBudget | undefined {
  if (!fields) return undefined;
  const limitNanoUsd = fields.usd("limitUsd");
  if (limitNanoUsd === undefined && !Object.hasOwn(fields.value, "limitUsd")) fields.problem("limitUsd", "is missing");
  const softLimitNanoUsd = fields.usd("softLimitUsd");
  const onExhausted = fields.choice("onExhausted", ["fail", "pause", "degrade", "throw"]) ?? "fail";
  if (limitNanoUsd === undefined) return undefined;
  if (softLimitNanoUsd !== undefined && softLimitNanoUsd > limitNanoUsd) fields.problem("softLimitUsd", "must not be above limitUsd");
  return { limitNanoUsd, ...(softLimitNanoUsd === undefined ? {} : { softLimitNanoUsd }), onExhausted };
}

function readLabels(fields: Fields): Readonly<Record<string, string>> {
  const labels = fields.object("labels") ?? {};
  const read: [string, string][] = [];
  for (const [name, label] of Object.entries(labels)) {
    if (typeof label !== "string" || label.length > 500) fields.problem(`labels.${shown(name)}`, `must be a text, not ${shown(label)}`);
    else read.push([name, label]);
  }
  if (read.length > 50) fields.problem("labels", "are more than 50");
  return Object.fromEntries(read);
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
  if (!fields) {
    return { default: "unsafe", tools: {}, onTimeout: "reject", approvers: [], quorum: 1, escalateTo: [], identity: "asserted" };
  }
  const approvers = fields.texts("approvers") ?? [];
  const escalateTo = fields.texts("escalateTo") ?? [];
  const quorum = fields.wholeNumber("quorum", { from: 1, to: 100 }) ?? 1;
  const timeoutMs = fields.durationMs("timeout");
  const onTimeout = fields.choice("onTimeout", ["reject", "approve", "escalate"]) ?? "reject";
  if (approvers.length > 0 && quorum > approvers.length) fields.problem("quorum", `must not be above the ${approvers.length} approvers`);
  if (onTimeout === "escalate" && escalateTo.length === 0) fields.problem("escalateTo", "is missing: onTimeout is escalate");
  return {
    default: fields.choice("default", ["unsafe", "always", "never"]) ?? "unsafe",
    tools: readToolRules(fields),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    onTimeout,
    approvers,
    quorum,
    escalateTo,
    identity: fields.choice("identity", ["asserted", "verified"]) ?? "asserted",
  };
}

function readToolRules(fields: Fields): Readonly<Record<string, "always" | "never">> {
  const rules: [string, "always" | "never"][] = [];
  for (const [tool, rule] of Object.entries(fields.object("tools") ?? {})) {
    if (rule === "always" || rule === "never") rules.push([tool, rule]);
    else fields.problem(`tools.${shown(tool)}`, `must be one of always, never, not ${shown(rule)}`);
  }
  return Object.fromEntries(rules);
}

function readFiles(fields: Fields): Readonly<Record<string, string | BlobRef>> {
  const files: [string, string | BlobRef][] = [];
  for (const [name, content] of Object.entries(fields.object("files") ?? {})) {
    const read = textOrRefOf(content);
    if (!isFileName(name)) fields.problem(`files.${shown(name)}`, "must be a relative path without . or .. in it");
    else if (typeof read !== "string" && "problem" in read) fields.problem(`files.${name}`, read.problem);
    else files.push([name, read]);
  }
  if (files.length > 1_000) fields.problem("files", "are more than 1,000");
  return Object.fromEntries(files);
}

/** A path inside the workspace. */
export function isFileName(name: string): boolean {
  if (name === "" || name.length > 500 || /[\0-\x1f\x7f\\]/.test(name)) return false;
  return name.split("/").every((part) => part !== "" && part !== "." && part !== ".." && part !== "__proto__");
}

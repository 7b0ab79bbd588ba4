import { type Fields, fieldsOf, shown } from "../../core/fields.js";
import type { JsonObject } from "../../core/json.js";
import { NO_USAGE, RARE_COUNTS, type Usage } from "../../core/usage.js";
import { FINISH_REASONS, type FinishReason } from "../../ports/models.js";

/** A file of turns that a scripted model plays; its JSON is CONTRACT's, section 'Models'. */
export interface Script {
  /** Whose prices apply, `provider/model`; undefined: the script costs nothing. */
  readonly model?: string;
  readonly turns: readonly ScriptTurn[];
}

export interface ScriptTurn {
  readonly text: string;
  readonly toolCalls: readonly ScriptedToolCall[];
  readonly usage?: Usage;
  /** The answer takes so long, in milliseconds. */
  readonly delayMs: number;
  /** Played as a failed attempt, once. */
  readonly error?: ScriptedError;
  /** Undefined: as the answer is, `tool-calls` or `stop`. Recordings have others. */
  readonly finishReason?: FinishReason;
  /** Plays only where the last message includes this text. */
  readonly lastMessageIncludes?: string;
}

export interface ScriptedToolCall {
  readonly name: string;
  readonly args: JsonObject;
}

export interface ScriptedError {
  /** As the provider would answer; 200 is a stream that was cut. */
  readonly status: number;
  readonly retryAfterMs?: number;
  readonly message?: string;
}

const MOST_DELAY_MS = 24 * 60 * 60 * 1_000;

/** Checks a script as it came from JSON. Unknown fields are ignored; every wrong one is named by its path. */
export function parseScript(value: unknown): Script | { readonly problems: readonly string[] } {
  const problems: string[] = [];
  const script = fieldsOf(value, "", problems);
  if (!script) return { problems: ["a script must be an object with a list of turns"] };
  const model = script.text("model", { pattern: /^[^/\s]+\/\S+$/, like: '"provider/model"' });
  if (model?.startsWith("scripted/")) script.problem("model", "must be the model whose prices apply, not a script");
  const { turns } = script.value;
  if (!Array.isArray(turns) || turns.length === 0) {
    script.problem("turns", `must be a list of at least one turn, not ${shown(turns)}`);
    return { problems };
  }
  const read = turns.map((turn, index) => readTurn(turn, `turns[${index}]`, problems));
  if (problems.length > 0) return { problems };
  return { turns: read.filter((turn) => turn !== undefined), ...(model === undefined ? {} : { model }) };
}

function readTurn(value: unknown, path: string, problems: string[]): ScriptTurn | undefined {
  const turn = fieldsOf(value, path, problems);
  if (!turn) return undefined;
  const usage = turn.inner("usage");
  const error = turn.inner("error");
  const when = turn.inner("when");
  const includes = when && readText(when, "lastMessageIncludes");
  const finishReason = turn.choice("finishReason", FINISH_REASONS);
  return {
    text: readText(turn, "text") ?? "",
    toolCalls: readToolCalls(turn, path),
    delayMs: turn.wholeNumber("delayMs", { from: 0, to: MOST_DELAY_MS }) ?? 0,
    ...(usage ? { usage: readUsage(usage) } : {}),
    ...(error ? { error: readError(error) } : {}),
    ...(finishReason === undefined ? {} : { finishReason }),
    ...(includes === undefined ? {} : { lastMessageIncludes: includes }),
  };
}

function readText(fields: Fields, name: string): string | undefined {
  const text = fields.value[name] ?? undefined;
  if (text === undefined || typeof text === "string") return text;
  fields.problem(name, `must be a text, not ${shown(text)}`);
  return undefined;
}

function readToolCalls(turn: Fields, path: string): readonly ScriptedToolCall[] {
  const calls = turn.value.toolCalls ?? [];
  if (!Array.isArray(calls)) {
    turn.problem("toolCalls", `must be a list, not ${shown(calls)}`);
    return [];
  }
  return calls.map((value, at) => readToolCall(fieldsOf(value, `${path}.toolCalls[${at}]`, turn.problems)));
}

function readToolCall(call: Fields | undefined): ScriptedToolCall {
  return { name: call?.text("name", { required: true }) ?? "", args: call?.object("args") ?? {} };
}

function readUsage(usage: Fields): Usage {
  const count = (name: keyof Usage) => usage.wholeNumber(name, { from: 0, to: 1_000_000_000 });
  for (const name of ["inputTokens", "outputTokens"] as const) {
    if ((usage.value[name] ?? undefined) === undefined) usage.problem(name, "is missing");
  }
  const read: Usage = {
    inputTokens: count("inputTokens") ?? 0,
    outputTokens: count("outputTokens") ?? 0,
    cachedInputTokens: count("cachedInputTokens") ?? 0,
    cacheWriteTokens: count("cacheWriteTokens") ?? 0,
    reasoningTokens: count("reasoningTokens") ?? 0,
  };
  const parts = read.cachedInputTokens + read.cacheWriteTokens;
  if (parts > read.inputTokens)
    usage.problem("inputTokens", `includes cached and written tokens, so it must be at least ${parts}`);
  if (read.reasoningTokens > read.outputTokens) {
    usage.problem("outputTokens", `includes reasoning, so it must be at least ${read.reasoningTokens}`);
  }
  const rare = RARE_COUNTS.map((name) => [name, count(name)] as const);
  return { ...NO_USAGE, ...read, ...Object.fromEntries(rare.filter(([, given]) => given !== undefined)) };
}

function readError(error: Fields): ScriptedError {
  if ((error.value.status ?? undefined) === undefined) error.problem("status", "is missing");
  const status = error.wholeNumber("status", { from: 200, to: 599 }) ?? 500;
  const retryAfterMs = error.wholeNumber("retryAfterMs", { from: 0, to: MOST_DELAY_MS });
  const message = readText(error, "message");
  return {
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(message === undefined ? {} : { message }),
  };
}

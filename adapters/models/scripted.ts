import { createHash } from "node:crypto";
import { utf8Bytes } from "../../core/digest.js";
import { jsonBytes } from "../../core/input-bound.js";
import { type ModelPrice, picoPerToken, type TokenBound } from "../../core/pricing.js";
import type { Message, TextOrRef } from "../../core/transcript.js";
import { NO_USAGE, type Usage } from "../../core/usage.js";
import {
  type ModelAnswer,
  ModelCallFailed,
  type ModelCallOptions,
  type ModelFacts,
  type ModelRequest,
  type Models,
} from "../../ports/models.js";
import { httpFailure } from "./http-failures.js";
import type { PriceTable } from "./price-table.js";
import type { Script, ScriptedError, ScriptTurn } from "./script.js";
import type { LoadedScript, ScriptFiles } from "./script-file.js";
import { chooseTurn, turnsThatCanPlay } from "./script-turns.js";

/** Text without a count of its own is taken as a token for so many bytes, which no provider's bound is below. */
const BYTES_PER_TOKEN = 4;

/** A delayed answer arrives in so many pieces. */
const PIECES = 5;

const FREE: ModelPrice = { rates: { input: picoPerToken(0), output: picoPerToken(0) } };

/** The provider `scripted`: plays files of turns. Keeps nothing of a run, so it survives every crash in the same place. */
export function createScriptedModels({
  files,
  prices,
}: {
  readonly files: ScriptFiles;
  readonly prices: PriceTable;
}): Models {
  const load = async (model: string) => await files.load(model.slice("scripted/".length));
  return {
    async facts(model, at) {
      return scriptFacts(await load(model), prices, at);
    },
    async knownBound(model, turn) {
      return boundOf((await load(model)).script, turn);
    },
    async call(request, options) {
      return await playScript((await load(request.model)).script, request, options);
    },
  };
}

function scriptFacts({ script, name }: LoadedScript, prices: PriceTable, at: Date): ModelFacts {
  const price = script.model === undefined ? FREE : prices.price(script.model, at);
  return {
    bookedAs: script.model ?? `scripted/${name}`,
    ...(price ? { price } : {}),
    // Whatever the model thinks, its script answers under any cap.
    reasoning: false,
    inputBound: { factor: 1, hidden: 64 },
  };
}

/** The most that any turn which can play has used; undefined where one of them does not say. */
export function boundOf(script: Script, turn: number): TokenBound | undefined {
  let [inputTokens, outputTokens] = [0, 0];
  for (const { usage } of turnsThatCanPlay(script.turns, turn)) {
    if (!usage) return undefined;
    inputTokens = Math.max(inputTokens, usage.inputTokens);
    outputTokens = Math.max(outputTokens, usage.outputTokens);
  }
  return { inputTokens, outputTokens };
}

/** Answers one attempt from a script. @throws ModelCallFailed */
export async function playScript(
  script: Script,
  request: ModelRequest,
  options: ModelCallOptions,
): Promise<ModelAnswer> {
  const turn = chooseTurn(script.turns, request);
  if (!turn)
    throw new ModelCallFailed("every turn of the script has a `when`, and none fits", {
      kind: "never",
      billed: "none",
    });
  if (turn.error) {
    await pause(turn.delayMs, options.signal);
    throw failureOf(turn.error, turn.usage);
  }
  const answer = answerOf(turn, request);
  await tell(answer.text, turn.delayMs, options);
  return answer;
}

function failureOf({ status, retryAfterMs, message }: ScriptedError, usage: Usage | undefined): ModelCallFailed {
  const words = status === 200 ? "the stream was cut" : `the scripted provider answered ${status}`;
  return httpFailure({ message: message ?? words, status, retryAfterMs, usage });
}

function answerOf(turn: ScriptTurn, request: ModelRequest): ModelAnswer {
  const usage = turn.usage ?? estimatedUsage(turn, request);
  const cut = usage.outputTokens > request.maxOutputTokens;
  const kept = cut ? request.maxOutputTokens / usage.outputTokens : 1;
  const { text, calls } = cut ? cutAnswer(turn, kept) : { text: turn.text, calls: turn.toolCalls };
  return {
    text,
    toolCalls: calls.map(({ name, args }, index) => ({ id: `call_${request.turn}_${index + 1}`, name, args })),
    finishReason: cut ? "length" : (turn.finishReason ?? (calls.length > 0 ? "tool-calls" : "stop")),
    usage: cut
      ? {
          ...usage,
          outputTokens: request.maxOutputTokens,
          reasoningTokens: Math.min(usage.reasoningTokens, request.maxOutputTokens),
        }
      : usage,
    requestId: `scripted-${conversationDigest(request.conversation)}-${request.turn}-${request.attempt}`,
  };
}

/** A provider's ids are short; what ids of workflows have in common is at their ends. */
function conversationDigest(conversation: string): string {
  return createHash("sha256").update(conversation).digest("hex").slice(0, 16);
}

/** The share of an answer that a cap leaves: text first, then the tool calls that are whole. */
function cutAnswer(turn: ScriptTurn, share: number) {
  const callBytes = turn.toolCalls.map((call) => jsonBytes(call));
  const whole = utf8Bytes(turn.text) + callBytes.reduce((sum, bytes) => sum + bytes, 0);
  let left = Math.floor(whole * share);
  const text = firstBytes(turn.text, left);
  left -= utf8Bytes(turn.text);
  const calls = turn.toolCalls.filter((_, index) => {
    left -= callBytes[index] ?? 0;
    return left >= 0;
  });
  return { text, calls };
}

/** The longest beginning of a text within so many bytes that breaks no character. */
function firstBytes(text: string, bytes: number): string {
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, bytes), { stream: true });
}

function estimatedUsage(turn: ScriptTurn, request: ModelRequest): Usage {
  const promptBytes = request.messages.reduce(
    (sum, message) => sum + seenBytes(message),
    jsonBytes({
      instructions: request.instructions,
      tools: request.tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema })),
    }),
  );
  const answerBytes = utf8Bytes(turn.text) + (turn.toolCalls.length > 0 ? jsonBytes(turn.toolCalls) : 0);
  return { ...NO_USAGE, inputTokens: tokensOf(promptBytes), outputTokens: tokensOf(answerBytes) };
}

function tokensOf(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}

/** Transcripts are read again for each call, mostly with the same messages: each is counted once. */
const counted = new WeakMap<Message, number>();

function seenBytes(message: Message): number {
  const known = counted.get(message);
  if (known !== undefined) return known;
  const parts = [...(message.toolCalls ?? []), ...(message.toolResults ?? [])];
  const bytes = utf8Bytes(textOf(message.text)) + (parts.length > 0 ? jsonBytes(parts) : 0);
  counted.set(message, bytes);
  return bytes;
}

function textOf(text: TextOrRef | undefined): string {
  return typeof text === "string" ? text : (text?.preview ?? "");
}

/** Hands the text on in a few pieces, spread over the delay. */
async function tell(text: string, delayMs: number, { signal, onDelta }: ModelCallOptions): Promise<void> {
  if (delayMs === 0) {
    await pause(0, signal);
    onDelta?.(text);
    return;
  }
  const size = Math.ceil(text.length / PIECES);
  for (let piece = 0; piece < PIECES; piece += 1) {
    await pause(delayMs / PIECES, signal);
    onDelta?.(text.slice(piece * size, (piece + 1) * size));
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const cancelled = () => new ModelCallFailed("the call was cancelled", { kind: "cancelled", billed: "unknown" });
  if (signal.aborted)
    throw new ModelCallFailed("the call was cancelled before it began", { kind: "cancelled", billed: "none" });
  if (ms <= 0) return;
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(cancelled());
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}

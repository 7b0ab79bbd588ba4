import type { LanguageModelV4ToolCall } from "@ai-sdk/provider";
import type { Agent } from "undici";
import type { Json, JsonObject } from "../../core/json.js";
import {
  type AskedToolCall,
  type FinishReason,
  type ModelAnswer,
  ModelCallFailed,
  type ModelCallOptions,
  type ModelRequest,
} from "../../ports/models.js";
import type { Provider } from "./provider.js";
import { cancelled, failureOf, requestId } from "./provider-failures.js";
import { keptParts } from "./provider-parts.js";
import { callOptions } from "./provider-prompt.js";
import { usageOf } from "./provider-usage.js";
import { readStream, type StreamedAnswer } from "./streamed-answer.js";
import { createWire } from "./wire.js";

/** One attempt: one HTTP request, streamed, never retried. @throws ModelCallFailed */
export async function callProvider(
  provider: Provider,
  connections: Agent,
  request: ModelRequest,
  { signal, onDelta }: ModelCallOptions,
): Promise<ModelAnswer> {
  if (signal.aborted) throw cancelled(false);
  const wire = createWire(connections);
  const over = new AbortController();
  try {
    const model = provider.open(modelId(request.model), wire.fetch);
    const abortSignal = AbortSignal.any([signal, over.signal]);
    const { stream } = await model.doStream({ ...callOptions(provider, request), abortSignal });
    const streamed = await readStream(stream, onDelta);
    const id = requestId(wire) ?? streamed.responseId;
    return { ...answerOf(request.model, streamed), ...(id === undefined ? {} : { requestId: id }) };
  } catch (error) {
    throw failureOf(error, { model: request.model, provider, wire, cancelled: signal.aborted });
  } finally {
    // A stream that we no longer read is generated and billed on where its connection stays open.
    over.abort();
  }
}

/** What stands after the first slash: ids may have slashes of their own. */
export function modelId(model: string): string {
  return model.slice(model.indexOf("/") + 1);
}

function answerOf(model: string, { parts, calls, finish }: StreamedAnswer): ModelAnswer {
  const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  const usage = finish && usageOf(finish.usage, parts.length === 0);
  const rawUsage = finish?.usage.raw as Json | undefined;
  const providerParts = keptParts(model, parts);
  return {
    text,
    toolCalls: calls.map(askedCall),
    finishReason: finishReasonOf(model, finish, calls.length > 0),
    ...(usage ? { usage } : {}),
    ...(rawUsage === undefined ? {} : { rawUsage }),
    ...(providerParts ? { providerParts } : {}),
  };
}

/** Finish reasons of servers that broke off: OpenRouter's and DeepSeek's. */
const BROKEN_OFF = ["error", "insufficient_system_resource"];

/** @throws ModelCallFailed for a stream that did not come to its end: it is never an answer */
function finishReasonOf(model: string, finish: StreamedAnswer["finish"], asksForTools: boolean): FinishReason {
  const { unified, raw } = finish?.reason ?? { unified: "interrupted", raw: undefined };
  const brokenOff = unified === "interrupted" || BROKEN_OFF.includes(raw ?? "");
  if (brokenOff || (raw === undefined && (unified === "other" || unified === "error"))) {
    const message = `${model}: the stream ended before the answer was complete`;
    throw new ModelCallFailed(message, { kind: "retry", billed: "unknown", status: 200 });
  }
  if (unified === "error") {
    // A whole answer that is none, such as Gemini's tool call that is not JSON: counted and billed.
    const usage = finish && usageOf(finish.usage, true);
    const billed = usage ? "known" : "unknown";
    throw new ModelCallFailed(`${model}: the model failed to answer (${raw})`, { kind: "retry", billed, usage });
  }
  const whole = unified === "stop" || unified === "other";
  return whole && asksForTools ? "tool-calls" : unified;
}

/** Arguments that are no JSON object go on as they were written; an empty text is a call without arguments. */
function askedCall({ toolCallId, toolName, input }: LanguageModelV4ToolCall): AskedToolCall {
  const args = objectOf(input);
  return { id: toolCallId, name: toolName, ...(args ? { args } : { raw: input }) };
}

function objectOf(text: string): JsonObject | undefined {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

import type { Bill } from "../core/activity-contract.js";
import type { RunModel } from "../core/agent.js";
import { GEN_AI, modelName, OPERATIONS, providerName, WFLO_ATTRIBUTES } from "../core/gen-ai.js";
import type { SpanAttributes } from "../core/trace.js";
import type { Message } from "../core/transcript.js";
import type { ModelAnswer, ModelCallFailed, ModelRequest } from "../ports/models.js";
import type { Span, Tracer } from "../ports/tracer.js";
import { contentOf } from "./span-content.js";

/** One attempt at a model, as a span of the conventions for generative AI: `chat MODEL`. */
export async function modelSpan<T>(
  tracer: Tracer,
  { question, model, agent }: { readonly question: ModelRequest; readonly model: RunModel; readonly agent: string },
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const name = modelName(model.bookedAs);
  const attributes: SpanAttributes = {
    [GEN_AI.operation]: OPERATIONS.model,
    [GEN_AI.provider]: providerName(model.bookedAs),
    [GEN_AI.model]: name,
    [GEN_AI.agent]: agent,
    [GEN_AI.conversation]: question.conversation.slice(0, question.conversation.lastIndexOf("/")),
    [GEN_AI.maxTokens]: question.maxOutputTokens,
    ...(question.temperature === undefined ? {} : { [GEN_AI.temperature]: question.temperature }),
    [WFLO_ATTRIBUTES.turn]: question.turn,
    [WFLO_ATTRIBUTES.attempt]: question.attempt,
    ...(tracer.content ? spokenTo(question) : {}),
  };
  return await tracer.span(`${OPERATIONS.model} ${name}`, { kind: "client", attributes }, work);
}

/** What the provider answered. */
export function noteAnswer(tracer: Tracer, span: Span, answer: ModelAnswer): void {
  span.set({
    [GEN_AI.finishReasons]: [answer.finishReason.replaceAll("-", "_")],
    ...(answer.requestId === undefined ? {} : { [GEN_AI.responseId]: answer.requestId }),
    ...(tracer.content ? { [GEN_AI.outputMessages]: contentOf([said(answer)]) } : {}),
  });
}

/** Tokens and money of the attempt: on no other span. What comes out of Wflo's own cache was counted when it was bought. */
export function noteBill(span: Span, bill: Bill | undefined): void {
  if (!bill) return;
  if (bill.savedNanoUsd !== undefined) {
    span.set({ [WFLO_ATTRIBUTES.cache]: "hit" });
    return;
  }
  const { usage, nanoUsd, kind } = bill;
  const tokens = {
    [GEN_AI.inputTokens]: usage.inputTokens,
    [GEN_AI.outputTokens]: usage.outputTokens,
    [GEN_AI.cacheReadTokens]: usage.cachedInputTokens,
    [GEN_AI.cacheWriteTokens]: usage.cacheWriteTokens,
    [GEN_AI.reasoningTokens]: usage.reasoningTokens,
  };
  // Bounds by bytes are no counts.
  if (kind !== "estimated") span.set(tokens);
  if (kind !== "unpriced") {
    span.set({ [kind === "confirmed" ? WFLO_ATTRIBUTES.cost : WFLO_ATTRIBUTES.unconfirmedCost]: nanoUsd });
  }
}

/** The provider's HTTP status where there was one, else the kind of failure. */
export function noteFailure(span: Span, { status, kind, requestId }: ModelCallFailed): void {
  if (requestId !== undefined) span.set({ [GEN_AI.responseId]: requestId });
  span.fail(status === undefined ? kind : String(status));
}

function spokenTo({ instructions, messages }: ModelRequest): SpanAttributes {
  return {
    [GEN_AI.instructions]: contentOf([{ type: "text", content: instructions }]),
    [GEN_AI.inputMessages]: contentOf(messages.map(asTheConventionsHaveIt)),
  };
}

/** https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-input-messages.json */
function asTheConventionsHaveIt({ role, text, toolCalls = [], toolResults = [] }: Message) {
  return {
    role,
    parts: [
      ...(typeof text === "string" && text !== "" ? [{ type: "text", content: text }] : []),
      ...toolCalls.map(({ id, name, args }) => ({ type: "tool_call", id, name, arguments: args })),
      ...toolResults.map(({ id, result, error }) => ({
        type: "tool_call_response",
        id,
        response: error === undefined ? (result ?? null) : { error },
      })),
    ],
  };
}

function said({ text, toolCalls, finishReason }: ModelAnswer) {
  const calls = toolCalls.map(({ id, name, args, raw }) => ({ type: "tool_call", id, name, arguments: args ?? raw }));
  const parts = [...(text === "" ? [] : [{ type: "text", content: text }]), ...calls];
  return { role: "assistant", parts, finish_reason: finishReason.replaceAll("-", "_") };
}

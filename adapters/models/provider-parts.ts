import type { LanguageModelV4Message, SharedV4ProviderOptions } from "@ai-sdk/provider";
import type { Json } from "../../core/json.js";
import type { Message, ToolCall } from "../../core/transcript.js";

/** A part of an assistant's message as the provider library takes it. */
export type AssistantPart = Extract<LanguageModelV4Message, { role: "assistant" }>["content"][number];

/**
 * What a provider wants back of its own answer besides text and tool calls: the order of the parts, reasoning with its
 * signature, options. Texts and arguments are not repeated: they are the message's.
 */
interface KeptAnswerParts {
  /** Only this model gets them back: another one refuses or ignores foreign reasoning. */
  readonly model: string;
  readonly parts: readonly KeptPart[];
}

type KeptPart = { readonly providerOptions?: SharedV4ProviderOptions } & (
  | { readonly type: "reasoning"; readonly text: string }
  /** The next so many UTF-16 units of the message's text. */
  | { readonly type: "text"; readonly length: number }
  | { readonly type: "tool-call"; readonly id: string }
);

/** A part of an answer as it was streamed. */
export type AnswerPart = { readonly providerOptions?: SharedV4ProviderOptions } & (
  | { readonly type: "reasoning"; readonly text: string }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool-call"; readonly id: string }
);

/** `ModelAnswer.providerParts` of an answer; undefined where text and tool calls say it all. */
export function keptParts(model: string, parts: readonly AnswerPart[]): readonly Json[] | undefined {
  if (parts.every((part) => part.type !== "reasoning" && part.providerOptions === undefined)) return undefined;
  const kept: KeptAnswerParts = {
    model,
    parts: parts.map((part) => {
      const options = part.providerOptions === undefined ? {} : { providerOptions: part.providerOptions };
      if (part.type === "text") return { type: "text", length: part.text.length, ...options };
      if (part.type === "reasoning") return { type: "reasoning", text: part.text, ...options };
      return { type: "tool-call", id: part.id, ...options };
    }),
  };
  return [kept as unknown as Json];
}

/** The parts of an assistant's message for a model: with what that model itself added, or only text and tool calls. */
export function assistantParts(message: Message, text: string, model: string): readonly AssistantPart[] {
  const kept = (message.providerParts?.[0] ?? undefined) as unknown as KeptAnswerParts | undefined;
  const calls = message.toolCalls ?? [];
  const own = kept?.model === model ? ownParts(kept.parts, text, calls) : undefined;
  return own ?? [...(text === "" ? [] : [{ type: "text" as const, text }]), ...calls.map((call) => callPart(call))];
}

/** Undefined where the message is no longer the one that the parts were kept of. */
function ownParts(
  kept: readonly KeptPart[],
  text: string,
  calls: readonly ToolCall[],
): readonly AssistantPart[] | undefined {
  const parts: AssistantPart[] = [];
  const left = new Map(calls.map((call) => [call.id, call]));
  let at = 0;
  for (const part of kept) {
    const options = part.providerOptions ? { providerOptions: part.providerOptions } : {};
    if (part.type === "reasoning") parts.push({ type: "reasoning", text: part.text, ...options });
    if (part.type === "text") {
      parts.push({ type: "text", text: text.slice(at, at + part.length), ...options });
      at += part.length;
    }
    if (part.type !== "tool-call") continue;
    const call = left.get(part.id);
    if (!call) return undefined;
    left.delete(part.id);
    parts.push({ ...callPart(call), ...options });
  }
  return at === text.length && left.size === 0 ? parts : undefined;
}

function callPart({ id, name, args }: ToolCall): AssistantPart {
  return { type: "tool-call", toolCallId: id, toolName: name, input: args };
}

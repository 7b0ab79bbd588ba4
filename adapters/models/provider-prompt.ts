import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
} from "@ai-sdk/provider";
import type { Message, TextOrRef, ToolResult } from "../../core/transcript.js";
import type { ModelRequest, ToolDescription } from "../../ports/models.js";
import type { Provider } from "./provider.js";
import { assistantParts } from "./provider-parts.js";

type ToolResultPart = Extract<
  Extract<LanguageModelV4Message, { role: "tool" }>["content"][number],
  { type: "tool-result" }
>;

/** A request as the provider library takes it. A function of the request alone, so that prefixes stay equal. */
export function callOptions(provider: Provider, request: ModelRequest): LanguageModelV4CallOptions {
  const { tools, temperature, maxOutputTokens } = request;
  const options = provider.options(request);
  return {
    prompt: promptOf(provider, request),
    maxOutputTokens: Math.min(maxOutputTokens, provider.mostOutputTokens ?? maxOutputTokens),
    ...(temperature === undefined ? {} : { temperature }),
    ...(tools.length === 0 ? {} : { tools: sortedTools(tools) }),
    ...(Object.keys(options).length === 0 ? {} : { providerOptions: options }),
  };
}

function sortedTools(tools: readonly ToolDescription[]): LanguageModelV4FunctionTool[] {
  return [...tools]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, description, inputSchema }) => ({ type: "function", name, description, inputSchema }));
}

function promptOf(provider: Provider, request: ModelRequest): LanguageModelV4Prompt {
  const { instructions, messages, model } = request;
  const prompt: LanguageModelV4Message[] = [];
  if (instructions !== "") {
    const options = provider.instructionOptions ? { providerOptions: provider.instructionOptions } : {};
    prompt.push({ role: "system", content: instructions, ...options });
  }
  for (const [index, message] of messages.entries()) {
    switch (message.role) {
      // Providers take no such message after the first one.
      case "system":
      case "user":
        if (textOf(message.text) !== "")
          prompt.push({ role: "user", content: [{ type: "text", text: textOf(message.text) }] });
        break;
      case "assistant":
        prompt.push(...answered(provider, message, resultsAfter(messages, index), model));
        break;
      // Results stand behind the calls that asked for them.
      case "tool":
        break;
    }
  }
  return prompt;
}

/** An answer and the results of its tool calls. An empty answer is left out: providers refuse it. */
function answered(
  provider: Provider,
  message: Message,
  results: readonly ToolResult[],
  model: string,
): readonly LanguageModelV4Message[] {
  const idOf = (id: string) => (provider.callIds?.test(id) === false ? id.replace(/[^\w-]/g, "_") : id);
  const content = assistantParts(message, textOf(message.text), model).map((part) =>
    part.type === "tool-call" ? { ...part, toolCallId: idOf(part.toolCallId) } : part,
  );
  if (content.length === 0) return [];
  const calls = message.toolCalls ?? [];
  if (calls.length === 0) return [{ role: "assistant", content }];
  const parts = calls.map(({ id, name }) => {
    const result = results.find((candidate) => candidate.id === id);
    return { ...resultPart(result ?? { id, name, error: NOT_RUN }), toolCallId: idOf(id) };
  });
  return [
    { role: "assistant", content },
    { role: "tool", content: parts },
  ];
}

/** Providers refuse a call without a result, as a run has that was forked before its tools had answered. */
const NOT_RUN = "this call was not run";

/** Results between an answer and the next one, whatever a person said in between. */
function resultsAfter(messages: readonly Message[], index: number): readonly ToolResult[] {
  const next = messages.findIndex((message, at) => at > index && message.role === "assistant");
  return messages
    .slice(index + 1, next === -1 ? messages.length : next)
    .flatMap(({ toolResults }) => toolResults ?? []);
}

function resultPart({ id, name, result, error }: ToolResult): ToolResultPart {
  return { type: "tool-result", toolCallId: id, toolName: name, output: outputOf(result, error) };
}

function outputOf(result: ToolResult["result"], error: string | undefined): ToolResultPart["output"] {
  if (error !== undefined) return { type: "error-text", value: error };
  if (typeof result === "string") return { type: "text", value: result };
  return { type: "json", value: (result ?? null) as Extract<ToolResultPart["output"], { type: "json" }>["value"] };
}

function textOf(text: TextOrRef | undefined): string {
  return typeof text === "string" ? text : (text?.preview ?? "");
}

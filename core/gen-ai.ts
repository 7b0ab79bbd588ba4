/**
 * Names of OpenTelemetry's semantic conventions for generative AI, as far as Wflo says them
 * (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-agent-spans/), and of what they have no word for: money.
 * Tokens stand on the spans of calls alone, and so does `wflo.cost.nano_usd`, so that their sums are right; a run's whole
 * cost has a name of its own.
 */
export const GEN_AI = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  agent: "gen_ai.agent.name",
  conversation: "gen_ai.conversation.id",
  model: "gen_ai.request.model",
  maxTokens: "gen_ai.request.max_tokens",
  temperature: "gen_ai.request.temperature",
  responseId: "gen_ai.response.id",
  finishReasons: "gen_ai.response.finish_reasons",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cacheReadTokens: "gen_ai.usage.cache_read.input_tokens",
  cacheWriteTokens: "gen_ai.usage.cache_creation.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  toolName: "gen_ai.tool.name",
  toolCallId: "gen_ai.tool.call.id",
  toolType: "gen_ai.tool.type",
  instructions: "gen_ai.system_instructions",
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  toolArguments: "gen_ai.tool.call.arguments",
  toolResult: "gen_ai.tool.call.result",
} as const;

/** What the conventions call the operations of a run. */
export const OPERATIONS = { agent: "invoke_agent", model: "chat", tool: "execute_tool" } as const;

/** Of Wflo alone. Costs are integers, in nano-dollars. */
export const WFLO_ATTRIBUTES = {
  /** Of one call of a model or tool. */
  cost: "wflo.cost.nano_usd",
  /** Of one call that may have been billed. */
  unconfirmedCost: "wflo.cost.unconfirmed_nano_usd",
  runCost: "wflo.run.cost.nano_usd",
  runUnconfirmedCost: "wflo.run.cost.unconfirmed_nano_usd",
  runStatus: "wflo.run.status",
  runTurns: "wflo.run.turns",
  account: "wflo.account",
  turn: "wflo.turn",
  attempt: "wflo.attempt",
  cache: "wflo.cache",
  gate: "wflo.gate",
  decision: "wflo.decision",
  decidedBy: "wflo.decided_by",
  triggerOutcome: "wflo.trigger.outcome",
  sandboxBackend: "wflo.sandbox.backend",
  sandboxOutcome: "wflo.sandbox.outcome",
} as const;

/** The conventions' names of providers, where they are not the beginning of a model's name. */
const PROVIDERS: Readonly<Record<string, string>> = { google: "gcp.gemini", xai: "x_ai", mistral: "mistral_ai" };

/** The conventions' name of the provider of `provider/model`. */
export function providerName(model: string): string {
  const provider = model.split("/", 1)[0] ?? "";
  return PROVIDERS[provider] ?? provider;
}

/** The model of `provider/model`. */
export function modelName(model: string): string {
  return model.slice(model.indexOf("/") + 1);
}

import { createPriceTable } from "../../../adapters/models/price-table.js";
import { createProviderModels } from "../../../adapters/models/providers.js";
import type { ModelAnswer, ModelCallFailed, ModelRequest, Models } from "../../../ports/models.js";

/** A model of each provider, and where its part of a mock server that speaks to all of them is. */
export const MODELS = [
  { name: "openai", model: "openai/gpt-4o-mini" },
  { name: "anthropic", model: "anthropic/claude-haiku-4-5" },
  { name: "google", model: "google/gemini-2.5-flash" },
  { name: "openai-compatible", model: "openai-compatible/any" },
] as const;

/** Keys and addresses of all providers: each at its path below `url`. */
export function environmentAt(url: string, paths: Partial<Record<string, string>> = {}) {
  return {
    OPENAI_API_KEY: "sk-openai-test",
    OPENAI_BASE_URL: `${url}${paths.openai ?? "/v1"}`,
    ANTHROPIC_API_KEY: "sk-ant-test",
    ANTHROPIC_BASE_URL: `${url}${paths.anthropic ?? "/v1"}`,
    GOOGLE_GENERATIVE_AI_API_KEY: "sk-goog-test",
    GOOGLE_GENERATIVE_AI_BASE_URL: `${url}${paths.google ?? "/v1beta"}`,
    OPENAI_COMPATIBLE_API_KEY: "sk-comp-test",
    OPENAI_COMPATIBLE_BASE_URL: `${url}${paths.compatible ?? "/v1"}`,
  };
}

/** The real providers against a server of a test. */
export function modelsAt(
  url: string,
  { paths = {}, silenceMs }: { readonly paths?: Partial<Record<string, string>>; readonly silenceMs?: number } = {},
): Models {
  return createProviderModels({
    environment: environmentAt(url, paths),
    prices: createPriceTable(),
    ...(silenceMs === undefined ? {} : { silenceMs }),
  });
}

/** A request of one user's message, or as the test wants it. */
export function asking(model: string, text: string, overrides: Partial<ModelRequest> = {}): ModelRequest {
  return {
    model,
    instructions: "You are a test.",
    messages: [{ role: "user", text, turn: 1 }],
    tools: [],
    maxOutputTokens: 1_000,
    turn: 1,
    attempt: 1,
    conversation: "run-1/first-1",
    ...overrides,
  };
}

/** One attempt, with what it told on the way. */
export async function attempt(
  models: Models,
  request: ModelRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<ModelAnswer & { readonly deltas: readonly string[] }> {
  const deltas: string[] = [];
  const answer = await models.call(request, { signal, onDelta: (text) => void deltas.push(text) });
  return { ...answer, deltas };
}

/** The failure of an attempt that has to fail. */
export async function failure(call: Promise<unknown>): Promise<ModelCallFailed> {
  const ended = await call.then(
    () => undefined,
    (error: unknown) => error as ModelCallFailed,
  );
  if (ended?.name !== "ModelCallFailed") throw new Error(`expected a failed call, not ${ended ?? "an answer"}`);
  return ended;
}

import { createHash } from "node:crypto";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogle } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { Provider } from "./provider.js";
import { type Environment, type ProviderSettings, readSettings, variable } from "./provider-settings.js";

/** Byte-level tokenizers: a token is at least one byte. */
const BY_BYTES = { factor: 1, hidden: 64 };
/** Claude's NFC and case markers, and the tool prompt that Anthropic adds by itself. */
const CLAUDE_BOUND = { factor: 1.1, hidden: 1_100 };

/** Above its 65,536 the Gemini library sends several requests, each billed with the whole prompt. */
const MOST_GOOGLE_OUTPUT = 32_768;

/** Writes up to the end of the prompt are kept for five minutes; where the prompt is too short nothing is written. */
const CACHED = { anthropic: { cacheControl: { type: "ephemeral" } } };

/** The providers, each set up from its own variables, or with the reason why it cannot be called. */
export function providersOf(environment: Environment): readonly Provider[] {
  return [openai(environment), anthropic(environment), google(environment), openaiCompatible(environment)];
}

function openai(environment: Environment): Provider {
  const set = readSettings(environment, { key: "OPENAI_API_KEY", url: "OPENAI_BASE_URL" }, "key");
  const organization = variable(environment, "OPENAI_ORG_ID");
  const project = variable(environment, "OPENAI_PROJECT_ID");
  return {
    name: "openai",
    ...facts(set),
    inputBound: BY_BYTES,
    open: (id, fetch) =>
      createOpenAI({
        apiKey: set.key ?? "",
        baseURL: set.url ?? "https://api.openai.com/v1",
        ...(organization === undefined ? {} : { organization }),
        ...(project === undefined ? {} : { project }),
        fetch,
      })(id),
    options: ({ conversation }) => ({
      openai: {
        // Nothing is kept there; the library then asks for reasoning in a form that it takes back.
        store: false,
        // `auto` may be a project's priority tier, at 2 to 2.5 times the price.
        serviceTier: "default",
        promptCacheKey: createHash("sha256").update(conversation).digest("hex").slice(0, 32),
      },
    }),
  };
}

function anthropic(environment: Environment): Provider {
  const set = readSettings(environment, { key: "ANTHROPIC_API_KEY", url: "ANTHROPIC_BASE_URL" }, "key");
  return {
    name: "anthropic",
    ...facts(set),
    inputBound: CLAUDE_BOUND,
    open: (id, fetch) =>
      createAnthropic({ apiKey: set.key ?? "", baseURL: set.url ?? "https://api.anthropic.com/v1", fetch })(id),
    options: () => CACHED,
    instructionOptions: CACHED,
    callIds: /^[\w-]+$/,
  };
}

function google(environment: Environment): Provider {
  const names = { key: "GOOGLE_GENERATIVE_AI_API_KEY", url: "GOOGLE_GENERATIVE_AI_BASE_URL" };
  const set = readSettings(environment, names, "key");
  return {
    name: "google",
    ...facts(set),
    inputBound: BY_BYTES,
    mostOutputTokens: MOST_GOOGLE_OUTPUT,
    open: (id, fetch) =>
      createGoogle({
        apiKey: set.key ?? "",
        baseURL: set.url ?? "https://generativelanguage.googleapis.com/v1beta",
        fetch,
      })(id),
    options: () => ({}),
  };
}

/** Any server that speaks OpenAI's chat completions; many need no key. */
function openaiCompatible(environment: Environment): Provider {
  const names = { key: "OPENAI_COMPATIBLE_API_KEY", url: "OPENAI_COMPATIBLE_BASE_URL" };
  const set = readSettings(environment, names, "url");
  return {
    name: "openai-compatible",
    ...facts(set),
    inputBound: BY_BYTES,
    open: (id, fetch) =>
      createOpenAICompatible({
        name: "compatible",
        baseURL: set.url ?? "",
        ...(set.key === undefined ? {} : { apiKey: set.key }),
        // Without it streams carry no usage.
        includeUsage: true,
        fetch,
      })(id),
    options: () => ({}),
  };
}

function facts({ key, problem }: ProviderSettings): Pick<Provider, "key" | "problem"> {
  return { ...(key === undefined ? {} : { key }), ...(problem === undefined ? {} : { problem }) };
}

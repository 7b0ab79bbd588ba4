import { parseDuration } from "../core/duration.js";
import { ISOLATIONS, type Isolation, isIsolation } from "../core/isolation.js";
import { DefinitionError } from "./definition-error.js";
import type { ToolDefinition } from "./tool.js";

/** An agent, as an application writes it. */
export interface AgentOptions {
  /** What `wflo run NAME` takes: letters, digits, `_`, `-` and `.`, at most 100. */
  readonly name: string;
  /** One line for `wflo agents`. @default the first sentence of the instructions */
  readonly description?: string;
  /** The system prompt. */
  readonly instructions: string;
  /** `provider/model`, the one that is asked first. */
  readonly model?: string;
  /** In order of preference, after `model`; of those whose provider has a key here, the first is used. */
  readonly models?: readonly string[];
  /** @default none */
  readonly tools?: readonly ToolDefinition[];
  /** Output cap of one call, in tokens; most of a reservation. @default 8,192, or 16,384 for a model that reasons */
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  /**
   * Exactly the same question (model, words, tools, settings, account) may be answered from what was bought within this time,
   * such as "1h", which costs nothing. @default every question is asked
   */
  readonly cache?: { readonly ttl: string };
  /**
   * A conversation that comes near so many tokens is made shorter: old tool results are left out, then older turns are
   * summarised (a turn of its own, by the last of the agent's models). @default four fifths of the model's window
   */
  readonly compactAtTokens?: number;
  /**
   * Code of the agent's runs runs in nothing weaker: `vm`, `gvisor`, `namespace` (bubblewrap), `wasm`; on a worker that has only
   * weaker ones its sandbox tools end the run with `SandboxUnavailable`. @default what the worker has
   */
  readonly minIsolation?: Isolation;
  /** Of one attempt at one answer, such as "10m". @default "10m" */
  readonly modelTimeout?: string;
  /** The agent's own word on tools, after a run's `approvals.tools` and before the tools' own. */
  readonly approvals?: Readonly<Record<string, "always" | "never">>;
}

/** An agent, checked: what `defineAgent` makes and a module exports. */
export interface AgentDefinition {
  readonly kind: "agent";
  readonly name: string;
  readonly description: string;
  readonly instructions: string;
  readonly models: readonly string[];
  readonly tools: readonly ToolDefinition[];
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  readonly cacheTtlMs?: number;
  readonly compactAtTokens?: number;
  readonly minIsolation?: Isolation;
  readonly modelTimeoutMs?: number;
  readonly approvals: Readonly<Record<string, "always" | "never">>;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;
const MODEL = /^[a-z][a-z0-9-]*\/\S+$/;
const MOST_OUTPUT_TOKENS = 10_000_000;
/** A conversation below this is not worth a summary. */
const LEAST_COMPACT_TOKENS = 1_000;

/**
 * Defines an agent.
 * @throws DefinitionError that names the agent and the wrong option
 * @example
 * export const helper = defineAgent({
 *   name: "helper", model: "openai/gpt-6-luna", instructions: "You help customers.", tools: [lookUp],
 * });
 */
export function defineAgent(options: AgentOptions): AgentDefinition {
  const { name, instructions, tools = [], maxOutputTokens, temperature } = options;
  const wrong = (option: string, problem: string) => new DefinitionError("agent", String(name), option, problem);
  if (typeof name !== "string" || !NAME.test(name)) throw wrong("name", "must be letters, digits, _, - or .");
  if (typeof instructions !== "string") throw wrong("instructions", "must be a text");
  const models = [...new Set([...(options.model === undefined ? [] : [options.model]), ...(options.models ?? [])])];
  if (models.length === 0) throw wrong("model", 'is missing; name one like "openai/gpt-6-luna"');
  for (const model of models) {
    if (typeof model !== "string" || !MODEL.test(model)) {
      throw wrong("model", `${JSON.stringify(model)} is not written like "provider/model"`);
    }
  }
  checkTools(wrong, tools, options.approvals ?? {});
  if (maxOutputTokens !== undefined && !isWholeNumber(maxOutputTokens, 1, MOST_OUTPUT_TOKENS)) {
    throw wrong("maxOutputTokens", `must be a whole number from 1 to ${MOST_OUTPUT_TOKENS}`);
  }
  const { compactAtTokens } = options;
  if (compactAtTokens !== undefined && !isWholeNumber(compactAtTokens, LEAST_COMPACT_TOKENS, MOST_OUTPUT_TOKENS)) {
    throw wrong("compactAtTokens", `must be a whole number from ${LEAST_COMPACT_TOKENS} to ${MOST_OUTPUT_TOKENS}`);
  }
  const { minIsolation } = options;
  if (minIsolation !== undefined && !isIsolation(minIsolation)) {
    throw wrong("minIsolation", `must be one of ${ISOLATIONS.join(", ")}`);
  }
  if (temperature !== undefined && !(temperature >= 0 && temperature <= 2)) {
    throw wrong("temperature", "must be a number from 0 to 2");
  }
  const modelTimeoutMs = options.modelTimeout === undefined ? undefined : parseDuration(options.modelTimeout);
  if (typeof modelTimeoutMs === "object") throw wrong("modelTimeout", modelTimeoutMs.problem);
  const cacheTtlMs = options.cache === undefined ? undefined : parseDuration(options.cache?.ttl);
  if (typeof cacheTtlMs === "object") throw wrong("cache.ttl", cacheTtlMs.problem);
  return {
    kind: "agent",
    name,
    description: options.description ?? firstSentence(instructions),
    instructions,
    models,
    tools,
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(cacheTtlMs === undefined ? {} : { cacheTtlMs }),
    ...(compactAtTokens === undefined ? {} : { compactAtTokens }),
    ...(minIsolation === undefined ? {} : { minIsolation }),
    ...(modelTimeoutMs === undefined ? {} : { modelTimeoutMs }),
    approvals: options.approvals ?? {},
  };
}

function checkTools(
  wrong: (option: string, problem: string) => DefinitionError,
  tools: readonly ToolDefinition[],
  approvals: Readonly<Record<string, unknown>>,
): void {
  const names = new Set<string>();
  for (const tool of tools) {
    const name = tool?.spec?.name;
    if (typeof name !== "string") throw wrong("tools", "must be a list of what defineTool returns");
    if (names.has(name)) throw wrong("tools", `has two tools with the name ${JSON.stringify(name)}`);
    names.add(name);
  }
  for (const [tool, word] of Object.entries(approvals)) {
    if (!names.has(tool)) throw wrong("approvals", `names ${JSON.stringify(tool)}, which is none of its tools`);
    if (word !== "always" && word !== "never") throw wrong(`approvals.${tool}`, 'must be "always" or "never"');
  }
}

function isWholeNumber(value: unknown, from: number, to: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= from && value <= to;
}

function firstSentence(text: string): string {
  return (/^\s*(.*?[.!?])(\s|$)/.exec(text)?.[1] ?? text.split("\n", 1)[0] ?? "").slice(0, 120);
}

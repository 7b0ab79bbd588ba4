import type { ResolveAgentRequest } from "../core/activity-contract.js";
import type { CapturedAgent, ResolvedAgent, RunModel, ToolSpec } from "../core/agent.js";
import { canonicalJson, utf8Bytes } from "../core/digest.js";
import type { JsonObject } from "../core/json.js";
import type { TokenBound } from "../core/pricing.js";
import { ModelCallFailed, type Models } from "../ports/models.js";
import type { Blobs } from "./blobs.js";
import { RunRefused } from "./refusals.js";
import type { SchemaChecker } from "./schema-checker.js";
import type { Workspaces } from "./workspace.js";

/** An agent as a worker offers it. */
export interface OfferedAgent {
  readonly name: string;
  readonly instructions: string;
  /** In order of preference. */
  readonly models: readonly string[];
  readonly tools: readonly ToolSpec[];
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  /** @default 600_000 */
  readonly modelTimeoutMs?: number;
  readonly approvalTools?: Readonly<Record<string, "always" | "never">>;
}

export interface ResolveAgentPorts {
  readonly agents: ReadonlyMap<string, OfferedAgent>;
  readonly models: Models;
  readonly blobs: Blobs;
  readonly workspaces: Workspaces;
  readonly schemas: SchemaChecker;
  readonly priceBook: string;
  /** What a budget does with a model without a price. */
  readonly unpriced: "refuse" | "allow";
  /** The namespace has the `Wflo…` search attributes. */
  readonly searchAttributes: boolean;
  readonly now: () => Date;
}

const DEFAULT_MODEL_TIMEOUT_MS = 600_000;

/** Room that a schema's wording takes beside the schema. */
const OUTPUT_SCHEMA_WORDS =
  "\n\nWhen you are done, answer with one JSON document and nothing else. It must fit this JSON Schema:\n";

/**
 * Captures an agent for one run: everything that a redeploy could change is stored under one address.
 * @throws RunRefused `UnknownAgent`, `UnknownModel`, `InvalidInput`
 */
export async function resolveAgent(ports: ResolveAgentPorts, request: ResolveAgentRequest): Promise<ResolvedAgent> {
  const agent = ports.agents.get(request.agent);
  if (!agent) {
    const known = [...ports.agents.keys()].sort().join(", ");
    throw new RunRefused(
      "UnknownAgent",
      `there is no agent ${JSON.stringify(request.agent)}; this worker has: ${known}`,
    );
  }
  checkRequest(ports, request);
  const models = await resolveModels(ports, request, agent);
  const tools = [...agent.tools].sort((a, b) => (a.name < b.name ? -1 : 1));
  const captured: CapturedAgent = {
    name: agent.name,
    instructions: request.outputSchema
      ? `${agent.instructions}${OUTPUT_SCHEMA_WORDS}${canonicalJson(request.outputSchema)}`
      : agent.instructions,
    tools,
    models,
    ...(agent.temperature === undefined ? {} : { temperature: agent.temperature }),
    ...(request.outputSchema ? { outputSchema: request.outputSchema } : {}),
    priceBook: ports.priceBook,
  };
  const { ref: definition } = await ports.blobs.putJson(captured as unknown as JsonObject);
  const workspace = await initialWorkspace(ports, request);
  return {
    definition,
    name: agent.name,
    models,
    tools: tools.map(policyOf),
    priceBook: ports.priceBook,
    promptBytes: utf8Bytes(canonicalJson({ instructions: captured.instructions, tools })),
    ...(agent.maxOutputTokens === undefined ? {} : { maxOutputTokens: agent.maxOutputTokens }),
    modelTimeoutMs: agent.modelTimeoutMs ?? DEFAULT_MODEL_TIMEOUT_MS,
    knownBounds: await firstBounds(ports.models, models),
    ...(workspace ? { workspace } : {}),
    approvalTools: agent.approvalTools ?? {},
    searchAttributes: ports.searchAttributes,
  };
}

function checkRequest(ports: ResolveAgentPorts, request: ResolveAgentRequest): void {
  if (request.account !== undefined) {
    const advice = "make it with `wflo budget set` first";
    throw new RunRefused("InvalidInput", `account: there is no account ${JSON.stringify(request.account)}; ${advice}`);
  }
  if (!request.outputSchema) return;
  try {
    ports.schemas.problems(request.outputSchema, null);
  } catch (error) {
    throw new RunRefused("InvalidInput", `outputSchema: is not a JSON Schema: ${(error as Error).message}`);
  }
}

async function resolveModels(
  ports: ResolveAgentPorts,
  request: ResolveAgentRequest,
  agent: OfferedAgent,
): Promise<RunModel[]> {
  const wanted = request.models.length > 0 ? request.models : agent.models;
  const models: RunModel[] = [];
  for (const model of wanted) {
    const facts = await ports.models.facts(model, ports.now()).catch((error: unknown) => {
      if (error instanceof ModelCallFailed) throw new RunRefused("UnknownModel", error.message);
      throw error;
    });
    if (!facts.price && request.budgeted && ports.unpriced === "refuse") {
      const advice = `give it one with WFLO_PRICES ({"${model}":{"inputUsdPerMillion":"…","outputUsdPerMillion":"…"}}), or set WFLO_UNPRICED=allow`;
      throw new RunRefused("UnknownModel", `the model ${model} has no price, and this run has a budget: ${advice}`);
    }
    models.push({ model, ...facts });
  }
  return models;
}

async function initialWorkspace(ports: ResolveAgentPorts, request: ResolveAgentRequest) {
  if (Object.keys(request.files).length === 0) return undefined;
  return await ports.workspaces.fromInput(request.files);
}

async function firstBounds(models: Models, run: readonly RunModel[]): Promise<Record<string, TokenBound>> {
  const bounds: Record<string, TokenBound> = {};
  for (const { model } of run) {
    const bound = await models.knownBound(model, 1);
    if (bound) bounds[model] = bound;
  }
  return bounds;
}

function policyOf(tool: ToolSpec) {
  const { description: _description, inputSchema: _schema, settings: _settings, ...policy } = tool;
  return policy;
}

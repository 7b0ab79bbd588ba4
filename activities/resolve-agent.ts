import { PART_BYTES, type ResolveAgentRequest, type StoredRequest } from "../core/activity-contract.js";
import type { CapturedAgent, ResolvedAgent, RunModel, ToolSpec } from "../core/agent.js";
import { canonicalJson, utf8Bytes } from "../core/digest.js";
import { promptBytes } from "../core/input-bound.js";
import type { Isolation } from "../core/isolation.js";
import type { JsonObject } from "../core/json.js";
import type { InPieces } from "../core/pieces.js";
import type { TokenBound } from "../core/pricing.js";
import type { BlobAddress, BlobRef } from "../core/transcript.js";
import { ModelCallFailed, type Models } from "../ports/models.js";
import { BlobCorrupt, BlobMissing, type Blobs } from "./blobs.js";
import { forkTranscript } from "./fork.js";
import { beginningOf, filesOrRef, inPieces, payloadBytes } from "./inline.js";
import { RunRefused } from "./refusals.js";
import type { SchemaChecker } from "./schema-checker.js";
import type { Transcripts } from "./transcript-store.js";
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
  /** @default answers never come from the cache */
  readonly cacheTtlMs?: number;
  /** @default four fifths of the model's window */
  readonly compactAtTokens?: number;
  /** Of its sandbox tools. */
  readonly minIsolation?: Isolation;
  /** @default 600_000 */
  readonly modelTimeoutMs?: number;
  readonly approvalTools?: Readonly<Record<string, "always" | "never">>;
}

export interface ResolveAgentPorts {
  readonly agents: ReadonlyMap<string, OfferedAgent>;
  readonly models: Models;
  readonly blobs: Blobs;
  readonly transcripts: Transcripts;
  readonly workspaces: Workspaces;
  readonly schemas: SchemaChecker;
  readonly priceBook: string;
  /** What a budget does with a model without a price. */
  readonly unpriced: "refuse" | "allow";
  /** The namespace has the `Wflo…` search attributes. */
  readonly searchAttributes: boolean;
  readonly now: () => Date;
  /** The account that a run of another leases from (a shard of it, where it has some); undefined: there is no such account. */
  readonly findAccount: (account: string) => Promise<string | undefined>;
}

const DEFAULT_MODEL_TIMEOUT_MS = 600_000;

/** The beginning of the user's first words, for people, where the words are a blob. */
const PREVIEW_BYTES = 1024;

/** A captured agent that is larger comes back in pieces. */
const TRAVELS_WHOLE_BYTES = 24 * 1024;

/** Room that a schema's wording takes beside the schema. */
const OUTPUT_SCHEMA_WORDS =
  "\n\nWhen you are done, answer with one JSON document and nothing else. It must fit this JSON Schema:\n";

/**
 * Captures an agent for one run: everything that a redeploy could change is stored under one address.
 * @throws RunRefused `UnknownAgent`, `UnknownModel`, `InvalidInput`; StoreUnavailable
 */
export async function resolveAgent(
  ports: ResolveAgentPorts,
  sent: ResolveAgentRequest | StoredRequest,
): Promise<ResolvedAgent | InPieces> {
  const request = "stored" in sent ? await ports.blobs.getJson<ResolveAgentRequest>(sent.stored) : sent;
  const agent = ports.agents.get(request.agent);
  if (!agent) {
    const known = [...ports.agents.keys()].sort().join(", ");
    throw new RunRefused(
      "UnknownAgent",
      `there is no agent ${JSON.stringify(request.agent)}; this worker has: ${known}`,
    );
  }
  const leaseFrom = await findAccount(ports, request.account);
  checkRequest(ports, request, agent);
  const models = await resolveModels(ports, request, agent);
  const captured = capture(ports, request, agent, models);
  const { ref: definition } = await ports.blobs.putJson(captured as unknown as JsonObject);
  const { instructions, tools } = captured;
  const { turn = 0, ...start } = await startingPoint(ports, request);
  const resolved: ResolvedAgent = {
    definition,
    name: agent.name,
    models,
    tools: tools.map(policyOf),
    priceBook: ports.priceBook,
    promptBytes: promptBytes({ instructions, tools }),
    ...(agent.maxOutputTokens === undefined ? {} : { maxOutputTokens: agent.maxOutputTokens }),
    ...(agent.compactAtTokens === undefined ? {} : { compactAtTokens: agent.compactAtTokens }),
    modelTimeoutMs: agent.modelTimeoutMs ?? DEFAULT_MODEL_TIMEOUT_MS,
    knownBounds: await boundsOf(ports.models, models, turn + 1),
    ...start,
    ...(leaseFrom === undefined ? {} : { leaseFrom }),
    approvalTools: agent.approvalTools ?? {},
    searchAttributes: ports.searchAttributes,
    unpriced: ports.unpriced,
  };
  return payloadBytes(resolved) <= TRAVELS_WHOLE_BYTES ? resolved : await inPieces(ports.blobs, resolved);
}

function capture(
  ports: ResolveAgentPorts,
  { outputSchema }: ResolveAgentRequest,
  agent: OfferedAgent,
  models: readonly RunModel[],
): CapturedAgent {
  return {
    name: agent.name,
    instructions: outputSchema
      ? `${agent.instructions}${OUTPUT_SCHEMA_WORDS}${canonicalJson(outputSchema)}`
      : agent.instructions,
    tools: agent.tools.map((tool) => isolated(tool, agent)).sort((a, b) => (a.name < b.name ? -1 : 1)),
    models,
    ...(agent.temperature === undefined ? {} : { temperature: agent.temperature }),
    ...(agent.cacheTtlMs === undefined ? {} : { cacheTtlMs: agent.cacheTtlMs }),
    ...(outputSchema ? { outputSchema } : {}),
    priceBook: ports.priceBook,
  };
}

function isolated(tool: ToolSpec, { minIsolation }: OfferedAgent): ToolSpec {
  if (tool.kind !== "sandbox" || minIsolation === undefined) return tool;
  return { ...tool, settings: { ...tool.settings, minIsolation } };
}

async function findAccount(ports: ResolveAgentPorts, account: string | undefined): Promise<string | undefined> {
  if (account === undefined) return undefined;
  const found = await ports.findAccount(account);
  if (found !== undefined) return found;
  const advice = "make it with `wflo budget set` first";
  throw new RunRefused("InvalidInput", `account: there is no account ${JSON.stringify(account)}; ${advice}`);
}

function checkRequest(ports: ResolveAgentPorts, request: ResolveAgentRequest, agent: OfferedAgent): void {
  if (request.outputSchema) checkSchema(ports.schemas, "outputSchema", request.outputSchema);
  for (const { name, inputSchema } of agent.tools) {
    checkSchema(ports.schemas, `the agent ${agent.name}'s tool ${name}: its input schema`, inputSchema);
  }
}

function checkSchema(schemas: SchemaChecker, what: string, schema: JsonObject): void {
  try {
    schemas.problems(schema, null);
  } catch (error) {
    throw new RunRefused("InvalidInput", `${what}: is not a JSON Schema: ${(error as Error).message.slice(0, 500)}`);
  }
}

async function resolveModels(
  ports: ResolveAgentPorts,
  request: ResolveAgentRequest,
  agent: OfferedAgent,
): Promise<RunModel[]> {
  const named = request.models.length > 0;
  const models: RunModel[] = [];
  const missing: string[] = [];
  for (const model of named ? request.models : agent.models) {
    const facts = await ports.models.facts(model, ports.now()).catch((error: unknown) => {
      if (!(error instanceof ModelCallFailed)) throw error;
      // What the run names must be there; of the agent's own models, those whose provider has a key here are used.
      if (named) throw new RunRefused("UnknownModel", error.message);
      missing.push(error.message);
      return undefined;
    });
    if (!facts) continue;
    if (!facts.price && request.budgeted && ports.unpriced === "refuse") {
      const advice = `give it one with WFLO_PRICES ({"${model}":{"inputUsdPerMillion":"…","outputUsdPerMillion":"…"}}), or set WFLO_UNPRICED=allow`;
      throw new RunRefused("UnknownModel", `the model ${model} has no price, and this run has a budget: ${advice}`);
    }
    models.push({ model, ...facts });
  }
  if (models.length === 0) throw new RunRefused("UnknownModel", missing.join("; "));
  return models;
}

/** What the run begins with besides its agent. */
async function startingPoint(
  ports: ResolveAgentPorts,
  { fork, files, input, hasInput }: ResolveAgentRequest,
): Promise<Pick<ResolvedAgent, "input" | "workspace" | "fork" | "out" | "outRef"> & { readonly turn?: number }> {
  const said = input ? await present("input", async () => await inputText(ports.blobs, input)) : undefined;
  const forked = fork ? await forkTranscript(ports.transcripts, fork, hasInput) : undefined;
  const given = Object.keys(files).length > 0;
  const added = given ? await present("files", async () => await ports.workspaces.fromInput(files)) : undefined;
  const workspace = await joinedWorkspace(ports.workspaces, forked?.workspace, added);
  const start = { ...(said ? { input: said } : {}), ...(workspace ? { workspace } : {}) };
  if (!forked) return start;
  const { workspace: _then, ...transcript } = forked;
  const left = workspace ? await filesOrRef(ports.blobs, await ports.workspaces.out(workspace), PART_BYTES.files) : {};
  return { ...start, fork: transcript, turn: forked.turn, ...left };
}

/** The user's first words where they are a blob, with their size: a reservation counts every byte. */
async function inputText(blobs: Blobs, { ref }: BlobRef): Promise<BlobRef> {
  const text = await blobs.getText(ref);
  if (text.trim() === "") throw new RunRefused("InvalidInput", `input: the blob ${ref} is empty`);
  return { ref, bytes: utf8Bytes(text), preview: beginningOf(text, PREVIEW_BYTES) };
}

/** The files of where the run was forked, with those of its own input over them. */
async function joinedWorkspace(
  workspaces: Workspaces,
  then: BlobAddress | undefined,
  added: BlobAddress | undefined,
): Promise<BlobAddress | undefined> {
  if (!then || !added) return added ?? then;
  const files = new Map((await workspaces.load(then)).map((file) => [file.path, file]));
  for (const file of await workspaces.load(added)) files.set(file.path, file);
  return await workspaces.save([...files.values()]);
}

/** A blob that the input names has to be there. */
async function present<T>(field: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof BlobMissing || error instanceof BlobCorrupt)) throw error;
    throw new RunRefused("InvalidInput", `${field}: ${error.message}`);
  }
}

async function boundsOf(
  models: Models,
  run: readonly RunModel[],
  turn: number,
): Promise<readonly (TokenBound | null)[]> {
  return await Promise.all(run.map(async ({ model }) => (await models.knownBound(model, turn)) ?? null));
}

function policyOf(tool: ToolSpec) {
  const { description: _description, inputSchema: _schema, settings: _settings, ...policy } = tool;
  return policy;
}

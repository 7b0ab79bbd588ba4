import { createHash } from "node:crypto";
import { ApplicationFailure } from "@temporalio/activity";
import { PART_BYTES, type ToolCallRequest, type ToolCallResult, type Unlogged } from "../core/activity-contract.js";
import type { CapturedAgent, ToolSpec } from "../core/agent.js";
import { callDigest } from "../core/call-digest.js";
import { canonicalJson } from "../core/digest.js";
import type { EgressPolicy } from "../core/egress.js";
import type { Isolation } from "../core/isolation.js";
import type { Json, JsonObject } from "../core/json.js";
import { parseUsd, ZERO_USD } from "../core/money.js";
import type { PassCheckpoint } from "../ports/checkpoints.js";
import type { Locks } from "../ports/locks.js";
import type { Meters } from "../ports/meters.js";
import type { SandboxLanguage, SandboxLimits } from "../ports/sandbox.js";
import { NO_TRACER, type Tracer } from "../ports/tracer.js";
import { argumentProblem } from "./asked-calls.js";
import type { Blobs } from "./blobs.js";
import type { CallJournal } from "./call-journal.js";
import { beginningOf, filesOrRef, inlineOrRef, objectOf } from "./inline.js";
import { checkLease } from "./lease-check.js";
import { withPatience } from "./patience.js";
import type { CodeTool } from "./run-code.js";
import type { SchemaChecker } from "./schema-checker.js";
import { withResource } from "./tool-lock.js";
import { openPolicy, redactionOf, resolveSecrets, type SecretRefs, type Secrets } from "./tool-secrets.js";
import { outcomeOf, sandboxSpan, toolSpan } from "./tool-spans.js";

/** What a tool's own code is given besides its arguments. */
export interface ToolContext {
  readonly workflowId: string;
  readonly turn: number;
  readonly callId: string;
  /** Stable over retries of this call: hand it to systems that dedupe. */
  readonly idempotencyKey: string;
  /** Aborted when the run is cancelled, or the lock on its resource is lost. */
  readonly signal: AbortSignal;
  /** By the tool's own names. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Of a tool with a resource: larger than that of everybody who held it before. */
  readonly fence?: number;
}

/** The code of a tool. Throwing an Error gives its message to the model. */
export type ToolExecutor = (args: JsonObject, context: ToolContext) => Promise<Json>;

/** A tool as this worker has it. */
export interface DeployedTool {
  readonly version: string;
  readonly execute: ToolExecutor;
  /** What no two calls may work on at once, of whichever tools. @default nothing */
  readonly resource?: (args: JsonObject) => string;
  /** What `context.secrets` has. @default nothing */
  readonly secrets?: SecretRefs;
}

export interface RunToolPorts {
  readonly blobs: Blobs;
  readonly journal: CallJournal;
  readonly meters: Meters;
  readonly schemas: SchemaChecker;
  readonly executors: Readonly<Record<string, DeployedTool>>;
  readonly code: CodeTool;
  readonly locks: Locks;
  readonly secrets: Secrets;
  readonly checkpoint?: PassCheckpoint;
  /** @default makes no spans */
  readonly tracer?: Tracer;
}

export interface ToolCallContext {
  readonly workflowId: string;
  /** Temporal's id of the history that calls, as the server has it. */
  readonly runId: string;
  /** Temporal's attempt, from 1. */
  readonly activityAttempt: number;
  readonly signal: AbortSignal;
  /** The run itself wants the call to end. */
  readonly isCancelled: () => boolean;
  /** A local activity leaves no trace in the journal: its author said that repeating it is harmless. */
  readonly journalled: boolean;
  /** Puts a run's records on the log. @throws ApplicationFailure `EventLogUnavailable` */
  readonly publish: (firstRunId: string, unlogged: Unlogged) => Promise<void>;
}

/** Work that takes longer is worth remembering, in milliseconds. */
const QUICK_MS = 200;

/** The journal's lease is renewed this often while a tool runs, in milliseconds: a third of the lease. */
const ALIVE_EVERY_MS = 650;

/**
 * One tool call. A result that the journal has is returned and nothing is done again; faults of the tool itself go to
 * the model as `error`.
 * @throws SandboxUnavailable, StoreUnavailable (then nothing was done, or the tool may be repeated)
 */
export async function runTool(
  ports: RunToolPorts,
  request: ToolCallRequest,
  context: ToolCallContext,
): Promise<ToolCallResult> {
  const agent = await ports.blobs.getJson<CapturedAgent>(request.definition);
  const spec = agent.tools.find((tool) => tool.name === request.tool);
  if (!spec) return { error: `the agent ${agent.name} has no tool ${request.tool}` };
  const asked = createHash("sha256").update(canonicalJson(request.args)).digest("hex").slice(0, 16);
  const key = `${context.workflowId}/${request.firstRunId}/${request.turn}/tool-${request.callId}-${asked}`;
  const { tracer = NO_TRACER } = ports;
  const { workflowId } = context;
  const work = async () =>
    await toolSpan(
      tracer,
      { spec, request, workflowId },
      async () => await perform(ports, spec, request, context, key),
    );
  if (!context.journalled) return await work();
  const forgets = mayForget(ports, spec, request, context);
  const known = forgets ? undefined : await knownResult(ports.journal, key, request, context);
  if (known) return known;
  ports.checkpoint?.("tool.started");
  const watched = forgets ? untilSlow : whileAlive;
  const { result, isJournalled } = await watched(ports.journal, key, context.activityAttempt, work);
  ports.checkpoint?.("tool.done");
  if (!isJournalled) return result;
  const kept = await journalled(ports.journal, key, context.activityAttempt, result, { passing: spec.repeatable });
  ports.checkpoint?.("tool.journalled");
  return kept;
}

/**
 * The first attempt at a tool that may be repeated, costs nothing and holds nothing: to do it again is as good as to remember
 * it, as long as it is quick.
 */
function mayForget(
  { executors }: RunToolPorts,
  { name, kind, repeatable, maxCostNanoUsd }: ToolSpec,
  { joinOnly, retried }: ToolCallRequest,
  { activityAttempt }: ToolCallContext,
): boolean {
  const isPlain = kind === "activity" && repeatable && maxCostNanoUsd === undefined && !executors[name]?.resource;
  return isPlain && activityAttempt === 1 && !joinOnly && !retried;
}

interface Watched {
  readonly result: ToolCallResult;
  /** The journal knows of it. */
  readonly isJournalled: boolean;
}

type Work = () => Promise<ToolCallResult>;

/** Does the work; the journal hears of it only where it is not over soon. */
async function untilSlow(journal: CallJournal, key: string, attempt: number, work: Work): Promise<Watched> {
  const working = work();
  let timer: NodeJS.Timeout | undefined;
  const slow = new Promise<true>((resolve) => {
    timer = setTimeout(() => resolve(true), QUICK_MS);
  });
  const over = working.then(
    () => false,
    () => false,
  );
  const isSlow = await Promise.race([over, slow]);
  clearTimeout(timer);
  if (!isSlow) return { result: await working, isJournalled: false };
  await journal.begin(key, attempt).catch(() => {});
  return await whileAlive(journal, key, attempt, async () => await working);
}

/** Does the work with the journal's lease renewed; a successor need not wait for work that failed. */
async function whileAlive(journal: CallJournal, key: string, attempt: number, work: Work): Promise<Watched> {
  const alive = setInterval(() => void journal.alive(key, attempt).catch(() => {}), ALIVE_EVERY_MS);
  try {
    return { result: await work(), isJournalled: true };
  } catch (error) {
    await journal.ended(key, attempt, "failed").catch(() => {});
    throw error;
  } finally {
    clearInterval(alive);
  }
}

/** What a predecessor has done or is doing; undefined: this attempt has to do it. */
async function knownResult(
  journal: CallJournal,
  key: string,
  request: ToolCallRequest,
  context: ToolCallContext,
): Promise<ToolCallResult | undefined> {
  if (request.joinOnly) {
    const joined = await journal.join(key, context.signal);
    return joined === undefined ? { missing: true } : (joined as ToolCallResult);
  }
  for (;;) {
    const begun = await journal.begin(key, context.activityAttempt);
    if (begun.kind === "answered") return begun.answer as ToolCallResult;
    if (begun.kind === "go") return undefined;
    const joined = await journal.join(key, context.signal);
    if (joined !== undefined) return joined as ToolCallResult;
    context.signal.throwIfAborted();
  }
}

/** The work is done: a store that is away cannot undo it, and it must not be done again for that. */
async function journalled(
  journal: CallJournal,
  key: string,
  attempt: number,
  result: ToolCallResult,
  options: { readonly passing: boolean },
): Promise<ToolCallResult> {
  try {
    const answer = result as unknown as Json;
    const { winner } = await withPatience(async () => await journal.answer(key, attempt, answer, options));
    return (winner ?? result) as ToolCallResult;
  } catch {
    return result;
  }
}

async function perform(
  ports: RunToolPorts,
  spec: ToolSpec,
  request: ToolCallRequest,
  context: ToolCallContext,
  idempotencyKey: string,
): Promise<ToolCallResult> {
  const args = await objectOf(ports.blobs, request.args);
  const problem = argumentProblem(ports.schemas, spec, args);
  if (problem !== undefined) return counted(ports, spec, { error: problem, ...freeOf(spec) });
  const deployed = ports.executors[spec.name];
  const version = spec.kind === "sandbox" ? spec.version : deployed?.version;
  if (request.digest !== undefined && request.digest !== callDigest({ ...request, version: version ?? "" })) {
    const error = "what was approved has changed since (tool, arguments or workspace), so it was not run; ask again";
    return counted(ports, spec, { error, stale: true });
  }
  if (spec.kind === "sandbox") return counted(ports, spec, await performCode(ports, spec, args, request, context));
  checkLease(request.lease, context.runId);
  if (!deployed) {
    const error = `this worker has no code for the tool ${spec.name}`;
    return counted(ports, spec, { error, ...freeOf(spec) });
  }
  const { workflowId, signal } = context;
  const secrets = await resolveSecrets(ports.secrets, deployed.secrets ?? {});
  const call = { workflowId, turn: request.turn, callId: request.callId, idempotencyKey, signal, secrets };
  try {
    const value = plainJson(spec, await executed(ports.locks, deployed, args, call));
    const cost = costOf(spec, value);
    const result = await withPatience(async () => await inlineOrRef(ports.blobs, value, request.inlineBytes));
    return counted(ports, spec, { result: result as Json, ...cost });
  } catch (error) {
    // Nothing was done: it waits outside of the worker.
    if (error instanceof ApplicationFailure && error.type === "ResourceBusy") throw error;
    if (signal.aborted && (spec.repeatable || context.isCancelled())) throw error;
    return counted(ports, spec, { error: signal.aborted ? cutShort(spec) : wordsOf(error) });
  }
}

async function executed(locks: Locks, tool: DeployedTool, args: JsonObject, call: ToolContext): Promise<Json> {
  if (!tool.resource) return await discreetly(tool, args, call);
  return await withResource(locks, tool.resource(args), call.signal, async (fence, lost) => {
    return await discreetly(tool, args, { ...call, fence, signal: AbortSignal.any([call.signal, lost]) });
  });
}

/** What a tool answers or throws has none of its secrets in it. */
async function discreetly(tool: DeployedTool, args: JsonObject, call: ToolContext): Promise<Json> {
  if (tool.secrets === undefined) return await tool.execute(args, call);
  const redaction = redactionOf(call.secrets);
  try {
    return redaction.json(jsonOf(await tool.execute(args, call)));
  } catch (error) {
    // Neither its stack nor its cause: they say what the message said.
    throw new Error(redaction.text(wordsOf(error)));
  }
}

/** As it would be written down: what says of itself how (a date) has said it before it is searched. */
function jsonOf(value: unknown): Json {
  return JSON.parse(JSON.stringify(value) ?? "null") as Json;
}

/** Nothing was done, so nothing can have been billed. */
function freeOf({ maxCostNanoUsd }: ToolSpec): Pick<ToolCallResult, "costNanoUsd"> {
  return maxCostNanoUsd === undefined ? {} : { costNanoUsd: ZERO_USD };
}

/** What the tool says it cost; where it says nothing that can be read, nobody knows. */
function costOf({ maxCostNanoUsd }: ToolSpec, value: Json): Pick<ToolCallResult, "costNanoUsd"> {
  if (maxCostNanoUsd === undefined || typeof value !== "object" || value === null || Array.isArray(value)) return {};
  const cost = parseUsd((value as JsonObject).costUsd);
  return typeof cost === "number" ? { costNanoUsd: cost } : {};
}

function cutShort({ name }: ToolSpec): string {
  return `${name} was cut short while it ran; whether it did its work is unknown`;
}

function wordsOf(error: unknown): string {
  const words = error instanceof Error ? error.message || error.name : String(error);
  return beginningOf(words, PART_BYTES.error);
}

/** A result as it travels: what JSON makes of it. */
function plainJson({ name }: ToolSpec, value: unknown): Json {
  const text = JSON.stringify(value ?? null) as string | undefined;
  if (text === undefined) throw new Error(`the result of ${name} is a ${typeof value}, which JSON cannot carry`);
  return JSON.parse(text) as Json;
}

/** Of a sandbox tool. */
interface CodeSettings {
  readonly language: SandboxLanguage;
  readonly limits?: Partial<SandboxLimits>;
  readonly minIsolation?: Isolation;
  readonly network?: EgressPolicy;
}

async function performCode(
  ports: RunToolPorts,
  spec: ToolSpec,
  args: JsonObject,
  request: ToolCallRequest,
  context: ToolCallContext,
): Promise<ToolCallResult> {
  const { language, limits, minIsolation, network } = spec.settings as unknown as CodeSettings;
  const { before } = request;
  // What cannot be put on record does not run.
  if (before) await context.publish(request.firstRunId, before);
  const open = network && (await openPolicy(ports.secrets, network));
  const code = {
    language,
    code: String(args.code ?? args.command),
    ...(request.workspace ? { workspace: request.workspace } : {}),
    ...(limits ? { limits } : {}),
    ...(minIsolation ? { minIsolation } : {}),
    ...(open ? { network: open.policy } : {}),
  };
  const { signal } = context;
  const ran = await sandboxSpan(ports.tracer ?? NO_TRACER, language, async () => await ports.code(code, { signal }));
  const { backend, durationMs } = ran.result;
  ports.meters.count("wflo_sandbox_executions_total", { backend, outcome: outcomeOf(ran) });
  ports.meters.observe("wflo_sandbox_duration_seconds", { backend }, durationMs / 1_000);
  // A host may say back what it was sent.
  const said = redactionOf(open?.found ?? {}).json(ran.result as unknown as JsonObject);
  const result = (await inlineOrRef(ports.blobs, said, request.inlineBytes)) as Json;
  const files = await filesOrRef(ports.blobs, ran.out, PART_BYTES.files);
  const logged = before ? { publishedSeq: before.records.at(-1)?.seq ?? 0 } : {};
  const egress = ran.egress ? { egress: ran.egress } : {};
  const why = ran.why === undefined ? {} : { backendWhy: ran.why };
  return { result, workspace: ran.workspace, ...files, backend, ...why, ...egress, ...logged };
}

function counted(ports: RunToolPorts, spec: ToolSpec, result: ToolCallResult): ToolCallResult {
  const outcome = result.error === undefined ? "ok" : "error";
  ports.meters.count("wflo_tool_calls_total", { tool: spec.name, outcome });
  return result;
}

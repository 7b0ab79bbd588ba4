import type { ToolCallRequest, ToolCallResult } from "../core/activity-contract.js";
import type { CapturedAgent, ToolSpec } from "../core/agent.js";
import { callDigest } from "../core/call-digest.js";
import { digestOf } from "../core/digest.js";
import type { Json, JsonObject } from "../core/json.js";
import type { PassCheckpoint } from "../ports/checkpoints.js";
import type { Meters } from "../ports/meters.js";
import type { SandboxLanguage, SandboxLimits } from "../ports/sandbox.js";
import type { Blobs } from "./blobs.js";
import type { CallJournal } from "./call-journal.js";
import { inlineOrRef, objectOf } from "./inline.js";
import type { CodeTool } from "./run-code.js";
import type { SchemaChecker } from "./schema-checker.js";

/** What a tool's own code is given besides its arguments. */
export interface ToolContext {
  readonly workflowId: string;
  readonly turn: number;
  readonly callId: string;
  /** Stable over retries of this call: hand it to systems that dedupe. */
  readonly idempotencyKey: string;
  /** Aborted when the run is cancelled. */
  readonly signal: AbortSignal;
}

/** The code of a tool. Throwing an Error gives its message to the model. */
export type ToolExecutor = (args: JsonObject, context: ToolContext) => Promise<Json>;

/** A tool as this worker has it. */
export interface DeployedTool {
  readonly version: string;
  readonly execute: ToolExecutor;
}

export interface RunToolPorts {
  readonly blobs: Blobs;
  readonly journal: CallJournal;
  readonly meters: Meters;
  readonly schemas: SchemaChecker;
  readonly executors: Readonly<Record<string, DeployedTool>>;
  readonly code: CodeTool;
  readonly checkpoint?: PassCheckpoint;
}

export interface ToolCallContext {
  readonly workflowId: string;
  /** Temporal's attempt, from 1. */
  readonly activityAttempt: number;
  readonly signal: AbortSignal;
  /** A local activity leaves no trace in the journal: its author said that repeating it is harmless. */
  readonly journalled: boolean;
}

/**
 * One tool call. A result that the journal has is returned and nothing is done again; faults of the tool itself go to
 * the model as `error`.
 * @throws SandboxUnavailable, StoreUnavailable
 */
export async function runTool(
  ports: RunToolPorts,
  request: ToolCallRequest,
  context: ToolCallContext,
): Promise<ToolCallResult> {
  const agent = await ports.blobs.getJson<CapturedAgent>(request.definition);
  const spec = agent.tools.find((tool) => tool.name === request.tool);
  if (!spec) return { error: `the agent ${agent.name} has no tool ${request.tool}` };
  const key = `${context.workflowId}/${request.firstRunId}/${request.turn}/tool-${request.callId}-${digestOf(request.args).slice(7, 23)}`;
  if (!context.journalled) return await perform(ports, spec, request, context, key);
  const begun = await ports.journal.begin(key, context.activityAttempt);
  if (begun.kind === "answered") return begun.answer as ToolCallResult;
  if (begun.kind === "live") {
    const joined = await ports.journal.join(key, context.signal);
    if (joined !== undefined) return joined as ToolCallResult;
    await ports.journal.begin(key, context.activityAttempt);
  }
  ports.checkpoint?.("tool.started");
  const result = await perform(ports, spec, request, context, key);
  ports.checkpoint?.("tool.done");
  const { winner } = await ports.journal.answer(key, context.activityAttempt, result as unknown as Json);
  ports.checkpoint?.("tool.journalled");
  return (winner ?? result) as ToolCallResult;
}

async function perform(
  ports: RunToolPorts,
  spec: ToolSpec,
  request: ToolCallRequest,
  context: ToolCallContext,
  idempotencyKey: string,
): Promise<ToolCallResult> {
  const args = await objectOf(ports.blobs, request.args);
  const problems = ports.schemas.problems(spec.inputSchema, args);
  if (problems.length > 0) return counted(ports, spec, { error: `the arguments do not fit: ${problems.join("; ")}` });
  const deployed = ports.executors[spec.name];
  const version = spec.kind === "sandbox" ? spec.version : deployed?.version;
  if (request.digest !== undefined && request.digest !== callDigest({ ...request, version: version ?? "" })) {
    const error = "what was approved has changed since (tool, arguments or workspace), so it was not run; ask again";
    return counted(ports, spec, { error });
  }
  if (spec.kind === "sandbox") return counted(ports, spec, await performCode(ports, spec, args, request, context));
  if (!deployed) return counted(ports, spec, { error: `this worker has no code for the tool ${spec.name}` });
  try {
    const { workflowId, signal } = context;
    const call = { workflowId, turn: request.turn, callId: request.callId, idempotencyKey, signal };
    const value = await deployed.execute(args, call);
    const result = (await inlineOrRef(ports.blobs, value ?? null, request.inlineBytes)) as Json;
    return counted(ports, spec, { result });
  } catch (error) {
    if (context.signal.aborted) throw error;
    return counted(ports, spec, { error: error instanceof Error ? error.message : String(error) });
  }
}

async function performCode(
  ports: RunToolPorts,
  spec: ToolSpec,
  args: JsonObject,
  request: ToolCallRequest,
  context: ToolCallContext,
): Promise<ToolCallResult> {
  const { language, limits } = spec.settings as { language: SandboxLanguage; limits?: Partial<SandboxLimits> };
  const ran = await ports.code(
    {
      language,
      code: String(args.code ?? args.command),
      ...(request.workspace ? { workspace: request.workspace } : {}),
      ...(limits ? { limits } : {}),
    },
    { signal: context.signal },
  );
  const { backend, durationMs } = ran.result;
  const outcome = ran.result.timedOut ? "timeout" : (ran.result.limit ?? (ran.result.exitCode === 0 ? "ok" : "error"));
  ports.meters.count("wflo_sandbox_executions_total", { backend, outcome });
  ports.meters.observe("wflo_sandbox_duration_seconds", { backend }, durationMs / 1_000);
  const result = (await inlineOrRef(ports.blobs, ran.result as unknown as JsonObject, request.inlineBytes)) as Json;
  return { result, workspace: ran.workspace, out: ran.out, backend };
}

function counted(ports: RunToolPorts, spec: ToolSpec, result: ToolCallResult): ToolCallResult {
  const outcome = result.error === undefined ? "ok" : "error";
  ports.meters.count("wflo_tool_calls_total", { tool: spec.name, outcome });
  return result;
}

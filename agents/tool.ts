import { z } from "zod";
import type { ToolSpec } from "../core/agent.js";
import { digestOf } from "../core/digest.js";
import { parseDuration } from "../core/duration.js";
import type { Json, JsonObject } from "../core/json.js";
import { type NanoUsd, parseUsd } from "../core/money.js";
import { parseSecretRef, type SecretRef } from "../core/secret-ref.js";
import { DefinitionError } from "./definition-error.js";

/** What a tool's code is given besides its arguments. */
export interface ToolContext {
  /** The run that calls. */
  readonly workflowId: string;
  /** The run's turn, from 1. */
  readonly turn: number;
  readonly callId: string;
  /** The same for every attempt at this call: hand it to systems that dedupe. */
  readonly idempotencyKey: string;
  /** Aborted when the run is cancelled, the attempt's time is over, or the lock on the tool's resource is lost. */
  readonly signal: AbortSignal;
  /** By the names of the tool's option `secrets`. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Of a tool with a `resource`: larger than that of everybody who held it before. Hand it to systems that can compare it. */
  readonly fence?: number;
}

/** A tool, as an application writes it. */
export interface ToolOptions<Input extends z.ZodType> {
  /** What the model calls it: letters, digits, `_` and `-`, at most 64. */
  readonly name: string;
  /** For the model: what it does, when to use it. */
  readonly description: string;
  /** The arguments: a zod object. They are checked before `execute` sees them. */
  readonly input: Input;
  /** Does no harm whatever the arguments: needs no approval under the default policy. @default false */
  readonly safe?: boolean;
  /** The author's own word on approval; a run's `approvals.tools` goes before it. @default by `safe` */
  readonly approval?: "always" | "never";
  /**
   * May be run again where the outcome of an attempt is unknown (a worker died, a time-out); a quick one is, a slow one's result
   * is remembered. @default false: then the model is told that the outcome is unknown
   */
  readonly repeatable?: boolean;
  /** Quick (under a second) and harmless to repeat: runs as a local activity, which saves two steps a call. @default false */
  readonly local?: boolean;
  /**
   * The most that one call costs, in US dollars such as "0.05": held on the run's budget before the tool runs. What it cost
   * is the member `costUsd` of its result; without one the call is charged with the most. @default the tool costs nothing
   */
  readonly maxCostUsd?: string | number;
  /**
   * What no two calls may work on at once, in all runs and workers that share Redis (without Redis: in one process), such as
   * `"crm"` or `({ customer }) => "customer/" + customer`. A call waits until it is free. Not for local tools. @default nothing
   */
  readonly resource?: string | ((args: z.output<Input>) => string);
  /**
   * Secrets that `execute` gets in `context.secrets`, such as `{ crm: secretRef("env:CRM_TOKEN") }`. They are in no history,
   * event, log or blob: what the tool answers or throws is searched for them. @default none
   */
  readonly secrets?: Readonly<Record<string, SecretRef>>;
  /** Of one attempt, such as "30s". @default "2m", "5s" for a local tool */
  readonly timeout?: string;
  /** Change it when the tool's meaning changes; part of what an approver approves. @default a digest of schema and code */
  readonly version?: string;
  /** Its result is any JSON; throwing an Error gives its message to the model. */
  execute(args: z.output<Input>, context: ToolContext): Promise<Json | undefined> | Json | undefined;
}

/** A tool, checked: what `defineTool` makes and agents list. */
export interface ToolDefinition {
  readonly spec: ToolSpec;
  /** Absent for tools that Wflo itself performs (sandboxed code, questions to people). */
  readonly execute?: (args: JsonObject, context: ToolContext) => Promise<Json>;
  readonly resource?: (args: JsonObject) => string;
  readonly secrets?: Readonly<Record<string, SecretRef>>;
}

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const DEFAULT_TIMEOUT = "2m";
const DEFAULT_LOCAL_TIMEOUT = "5s";

/**
 * Defines a tool.
 * @throws DefinitionError that names the tool and the wrong option
 * @example
 * const lookUp = defineTool({
 *   name: "look_up", description: "Finds a customer by e-mail", safe: true, repeatable: true,
 *   input: z.object({ email: z.email() }),
 *   execute: async ({ email }) => await customers.find(email),
 * });
 */
export function defineTool<Input extends z.ZodType>(options: ToolOptions<Input>): ToolDefinition {
  const { name } = options;
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new DefinitionError("tool", String(name), "name", "must be 1 to 64 letters, digits, _ or -");
  }
  if (typeof options.description !== "string" || options.description.trim() === "") {
    throw new DefinitionError("tool", name, "description", "must say to the model what the tool does");
  }
  if (typeof options.execute !== "function") {
    throw new DefinitionError("tool", name, "execute", "must be the function that does the work");
  }
  const inputSchema = schemaOf(name, options.input);
  const local = options.local === true;
  const spec: ToolSpec = {
    name,
    description: options.description,
    inputSchema,
    kind: local ? "local" : "activity",
    safe: options.safe === true,
    ...(options.approval === undefined ? {} : { approval: approvalOf(name, options.approval) }),
    version: options.version ?? digestOf({ inputSchema, code: options.execute.toString() }).slice(7, 23),
    repeatable: local || options.repeatable === true,
    ...(options.maxCostUsd === undefined ? {} : { maxCostNanoUsd: maxCostOf(name, options.maxCostUsd) }),
    timeoutMs: timeoutMsOf(name, options.timeout ?? (local ? DEFAULT_LOCAL_TIMEOUT : DEFAULT_TIMEOUT)),
  };
  const resource = resourceOf(options, local);
  const secrets = secretsOf(options);
  return {
    spec,
    ...(resource ? { resource } : {}),
    ...(secrets ? { secrets } : {}),
    async execute(args, context) {
      return (await options.execute(await options.input.parseAsync(args), context)) ?? null;
    },
  };
}

function schemaOf(tool: string, input: z.ZodType): JsonObject {
  try {
    const { $schema: _dialect, ...schema } = z.toJSONSchema(input, { io: "input" });
    if (schema.type !== "object") throw new Error("it describes no object");
    return schema as JsonObject;
  } catch (error) {
    throw new DefinitionError("tool", tool, "input", `must be a zod object: ${(error as Error).message}`);
  }
}

function resourceOf<Input extends z.ZodType>(
  { name, resource, input }: ToolOptions<Input>,
  local: boolean,
): ToolDefinition["resource"] {
  if (resource === undefined) return undefined;
  const wrong = (problem: string) => new DefinitionError("tool", name, "resource", problem);
  if (local) throw wrong("is not for a local tool: a lock may be waited for");
  if (typeof resource === "function") return (args) => String(resource(input.parse(args)));
  if (typeof resource === "string" && resource !== "") return () => resource;
  throw wrong("must be a name, or a function of the arguments that gives one");
}

/** Where a secret is: `env:NAME`, `file:PATH`, or `store:NAME` (the module that WFLO_SECRETS names). @throws DefinitionError */
export function secretRef(place: string): SecretRef {
  const ref = parseSecretRef(place);
  if ("problem" in ref) throw new DefinitionError("secret", "reference", "place", ref.problem);
  return ref;
}

function secretsOf<Input extends z.ZodType>({ name, secrets }: ToolOptions<Input>): ToolDefinition["secrets"] {
  if (secrets === undefined) return undefined;
  for (const [own, ref] of Object.entries(secrets)) {
    const isRef = typeof ref === "object" && ref !== null && ["env", "file", "store"].includes(ref.from);
    if (!isRef) throw new DefinitionError("tool", name, `secrets.${own}`, 'must be secretRef("env:NAME") or the like');
  }
  return secrets;
}

function approvalOf(tool: string, approval: unknown): "always" | "never" {
  if (approval === "always" || approval === "never") return approval;
  throw new DefinitionError("tool", tool, "approval", `must be "always" or "never", not ${JSON.stringify(approval)}`);
}

function maxCostOf(tool: string, maxCostUsd: unknown): NanoUsd {
  const amount = parseUsd(maxCostUsd);
  if (typeof amount === "number") return amount;
  throw new DefinitionError("tool", tool, "maxCostUsd", amount.problem);
}

function timeoutMsOf(tool: string, timeout: unknown): number {
  const ms = parseDuration(timeout);
  if (typeof ms === "number") return ms;
  throw new DefinitionError("tool", tool, "timeout", ms.problem);
}

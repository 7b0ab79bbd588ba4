import { type CheckedToolCall, PART_BYTES } from "../core/activity-contract.js";
import type { CapturedAgent, ToolSpec } from "../core/agent.js";
import type { JsonObject } from "../core/json.js";
import { jsonProblem } from "../core/json-check.js";
import type { ToolCall } from "../core/transcript.js";
import type { AskedToolCall, ModelAnswer } from "../ports/models.js";
import type { Blobs } from "./blobs.js";
import { inlineOrRef } from "./inline.js";
import type { SchemaChecker } from "./schema-checker.js";

/** More calls of one answer are not carried one by one: nobody waits for the end of such a turn. */
export const MOST_CALLS = 256;

/** Ids as every provider takes them back. */
const ID = /^[\w.:-]{1,64}$/;
const NAME_CHARACTERS = 64;

/** A model's tool call as the run has it: an id of its own, a name that providers take back, arguments that are JSON. */
export interface ReadCall extends ToolCall {
  /** Why it cannot run. */
  readonly problem?: string;
}

/** Reads what a model asked for: whatever it wrote, the transcript stays one that every provider accepts. */
export function readCalls(agent: CapturedAgent, answer: ModelAnswer, turn: number): readonly ReadCall[] {
  const taken = new Set<string>();
  return answer.toolCalls.slice(0, MOST_CALLS).map((call, index) => {
    const usable = ID.test(call.id) && !taken.has(call.id);
    const id = usable ? call.id : freeId(taken, `call_${turn}_${index + 1}`);
    taken.add(id);
    const known = agent.tools.some(({ name }) => name === call.name);
    const name = known ? call.name : plainName(call.name);
    const problem = known ? jsonFault(call) : unknownTool(agent, call.name);
    const args = call.args !== undefined && jsonProblem(call.args) === undefined ? call.args : {};
    return { id, name, args, ...(problem === undefined ? {} : { problem }) };
  });
}

/** Arguments are checked here, so that a call that cannot run opens no gate and goes back to the model. */
export async function checkCalls(
  { blobs, schemas }: { readonly blobs: Blobs; readonly schemas: SchemaChecker },
  agent: CapturedAgent,
  calls: readonly ReadCall[],
): Promise<readonly CheckedToolCall[]> {
  const limitBytes = Math.floor(PART_BYTES.toolCalls / Math.max(1, calls.length));
  return await Promise.all(
    calls.map(async ({ id, name, args, problem: fault }) => {
      const tool = agent.tools.find((candidate) => candidate.name === name);
      const problem = fault ?? (tool && argumentProblem(schemas, tool, args));
      // What does not run needs no arguments; the transcript has them.
      if (problem !== undefined) return { id, name, args: {}, problem };
      return { id, name, args: await inlineOrRef(blobs, args, limitBytes) };
    }),
  );
}

/** Why arguments do not fit a tool's schema. */
export function argumentProblem(schemas: SchemaChecker, tool: ToolSpec, args: JsonObject): string | undefined {
  const problems = schemas.problems(tool.inputSchema, args);
  return problems.length === 0 ? undefined : `the arguments do not fit: ${problems.join("; ")}`;
}

function jsonFault({ args, raw }: AskedToolCall): string | undefined {
  if (args === undefined) return `the arguments are not a JSON object: ${(raw ?? "").slice(0, 200)}`;
  const fault = jsonProblem(args);
  return fault === undefined ? undefined : `the arguments cannot be carried: the JSON ${fault}`;
}

const TOOLS_NAMED = 30;

function unknownTool({ tools }: CapturedAgent, name: string): string {
  const known = tools.slice(0, TOOLS_NAMED).map((tool) => tool.name);
  const more = tools.length > TOOLS_NAMED ? ` and ${tools.length - TOOLS_NAMED} more` : "";
  return `there is no tool ${JSON.stringify(name.slice(0, 100))}; the tools are ${known.join(", ") || "none"}${more}`;
}

/** A name that no tool has, in characters that providers take back in the next prompt. */
function plainName(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, NAME_CHARACTERS) || "unnamed";
}

/** A model may have used the id that stands in for one that cannot be used. */
function freeId(taken: ReadonlySet<string>, wanted: string): string {
  return taken.has(wanted) ? freeId(taken, `${wanted}_`) : wanted;
}

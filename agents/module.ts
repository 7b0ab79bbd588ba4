import { BUILT_IN_TRIGGER } from "../core/trigger.js";
import type { AgentDefinition } from "./agent.js";
import { DefinitionError } from "./definition-error.js";
import type { ToolDefinition } from "./tool.js";
import type { TriggerDefinition } from "./trigger.js";

/** What a worker offers: agents by name, tools by name. */
export interface Offer {
  readonly agents: ReadonlyMap<string, AgentDefinition>;
  readonly tools: ReadonlyMap<string, ToolDefinition>;
}

/**
 * The agents that a module exports, under whatever names: single ones, and lists of them. Everything else is ignored.
 * @param module its exports @param name for messages
 * @throws DefinitionError where there is no agent, or two share a name
 */
export function agentsOf(module: Readonly<Record<string, unknown>>, name: string): readonly AgentDefinition[] {
  const exported = Object.values(module).flatMap((value) => (Array.isArray(value) ? value : [value]));
  const agents = [...new Set(exported.filter(isAgent))];
  if (agents.length > 0) return agents;
  throw new DefinitionError("module", name, "exports", "no agent; export what defineAgent returns");
}

/**
 * The triggers that a module exports, under whatever names: single ones, and lists of them.
 * @throws DefinitionError where two share a name
 */
export function triggersOf(module: Readonly<Record<string, unknown>>): readonly TriggerDefinition[] {
  const exported = Object.values(module).flatMap((value) => (Array.isArray(value) ? value : [value]));
  const triggers = [...new Set(exported.filter(isTrigger))];
  const names = new Set<string>([BUILT_IN_TRIGGER]);
  for (const { name } of triggers) {
    if (names.has(name)) throw new DefinitionError("trigger", name, "name", "is used by two triggers");
    names.add(name);
  }
  return triggers;
}

function isTrigger(value: unknown): value is TriggerDefinition {
  return typeof value === "object" && value !== null && (value as { kind?: unknown }).kind === "trigger";
}

/** Puts agents and their tools side by side; two different tools of one name would be one activity, so that is refused. */
export function offerOf(agents: readonly AgentDefinition[]): Offer {
  const byName = new Map<string, AgentDefinition>();
  const tools = new Map<string, ToolDefinition>();
  for (const agent of agents) {
    if (byName.has(agent.name)) throw new DefinitionError("agent", agent.name, "name", "is used by two agents");
    byName.set(agent.name, agent);
    for (const tool of agent.tools) addTool(tools, tool, agent);
  }
  return { agents: byName, tools };
}

function addTool(tools: Map<string, ToolDefinition>, tool: ToolDefinition, agent: AgentDefinition): void {
  const { name, kind } = tool.spec;
  const known = tools.get(name);
  const isSame = known === undefined || known === tool || (kind === known.spec.kind && kind === "sandbox");
  if (isSame) tools.set(name, known ?? tool);
  else throw new DefinitionError("agent", agent.name, `tools: ${name}`, "is another agent's tool of the same name");
}

function isAgent(value: unknown): value is AgentDefinition {
  return typeof value === "object" && value !== null && (value as { kind?: unknown }).kind === "agent";
}

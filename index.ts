/**
 * `wflo`: what an application writes agents and tools with. A worker takes them from the module that WFLO_AGENTS names.
 * @module
 */

export { type AgentDefinition, type AgentOptions, defineAgent } from "./agents/agent.js";
export { askHuman } from "./agents/ask-human.js";
export { DefinitionError } from "./agents/definition-error.js";
export { type NetworkHost, type NetworkOptions, withNetwork } from "./agents/network.js";
export { javascript, python, shell, withLimits } from "./agents/sandbox-tools.js";
export { defineTool, secretRef, type ToolContext, type ToolDefinition, type ToolOptions } from "./agents/tool.js";
export {
  defineTrigger,
  type TriggerContext,
  type TriggerDefinition,
  type TriggerLimits,
  type TriggerOptions,
} from "./agents/trigger.js";
export type { TriggerAction, TriggerSignal } from "./core/trigger.js";

import type { RunModel, ToolPolicy, UnpricedRule } from "./agent.js";
import type { NanoUsd } from "./money.js";

/** Who has to be asked about which tool. */
export interface ApprovalRules {
  /** `unsafe`: tools that are not marked safe · `always` · `never`. @default "unsafe" */
  readonly default: "unsafe" | "always" | "never";
  readonly tools: Readonly<Record<string, "always" | "never">>;
}

/** Whether a model may be asked under a limit (null: there is none): what a call without a price costs, no limit can hold. */
export function mayBeAsked(
  model: Pick<RunModel, "price">,
  limitNanoUsd: NanoUsd | null,
  unpriced: UnpricedRule,
): boolean {
  return model.price !== undefined || limitNanoUsd === null || unpriced === "allow";
}

/**
 * Whether a tool call waits for people. The run's own rule for the tool decides; then a run that wants to be asked always
 * is; then the first of the agent's rule and the tool author's; then the run's default. Safe by default: a tool that nobody
 * marked safe asks.
 */
export function needsApproval(
  tool: Pick<ToolPolicy, "name" | "safe" | "approval">,
  rules: ApprovalRules,
  agentRules: Readonly<Record<string, "always" | "never">> = {},
): boolean {
  const own = (words: Readonly<Record<string, "always" | "never">>) =>
    Object.hasOwn(words, tool.name) ? words[tool.name] : undefined;
  const always = rules.default === "always" ? "always" : undefined;
  const word = own(rules.tools) ?? always ?? own(agentRules) ?? tool.approval;
  if (word !== undefined) return word === "always";
  return rules.default === "unsafe" && !tool.safe;
}

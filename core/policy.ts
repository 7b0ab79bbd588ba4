import type { ToolPolicy } from "./agent.js";

/** Who has to be asked about which tool. */
export interface ApprovalRules {
  /** `unsafe`: tools that are not marked safe · `always` · `never`. @default "unsafe" */
  readonly default: "unsafe" | "always" | "never";
  readonly tools: Readonly<Record<string, "always" | "never">>;
}

/**
 * Whether a tool call waits for people. First word wins: the run's own rule for the tool, the agent's, the tool author's;
 * then the run's default. Safe by default: a tool that nobody marked safe asks.
 */
export function needsApproval(
  tool: Pick<ToolPolicy, "name" | "safe" | "approval">,
  rules: ApprovalRules,
  agentRules: Readonly<Record<string, "always" | "never">> = {},
): boolean {
  const own = (words: Readonly<Record<string, "always" | "never">>) =>
    Object.hasOwn(words, tool.name) ? words[tool.name] : undefined;
  const word = own(rules.tools) ?? own(agentRules) ?? tool.approval;
  if (word !== undefined) return word === "always";
  if (rules.default === "unsafe") return !tool.safe;
  return rules.default === "always";
}

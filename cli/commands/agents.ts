import type { Command } from "commander";
import type { ToolDefinition } from "../../agents/tool.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { table } from "../output.js";

/** `wflo agents`: what a worker with these settings offers. */
export function registerAgents(program: Command, context: CommandContext): void {
  withJson(program.command("agents"))
    .description("list the agents that WFLO_AGENTS (or Wflo itself) brings")
    .action(
      inSession(context, async ({ config, output, surroundings }: Session) => {
        const { loadAgents } = await import("../../workers/agent-module.js");
        const { agents } = await loadAgents(config, surroundings.folder);
        const documents = agents.map(({ name, description, models, tools, approvals }) => ({
          name,
          description,
          models,
          tools: tools.map((tool) => toolFacts(tool, approvals)),
        }));
        const rows = documents.map(({ name, models, tools, description }) => [
          name,
          models[0],
          tools.map((tool) => (tool.approval === "always" ? `${tool.name}*` : tool.name)).join(", "),
          description,
        ]);
        const words = () => `${table(["AGENT", "MODEL", "TOOLS", "DESCRIPTION"], rows)}\n\n* needs approval by default`;
        output.answer(documents, words);
        return undefined;
      }),
    );
}

/** A tool, and whether people are asked about it where a run's own policy says nothing. */
function toolFacts({ spec }: ToolDefinition, approvals: Readonly<Record<string, "always" | "never">>) {
  const { name, description, kind, safe } = spec;
  const byDefault = kind === "human" || !safe ? "always" : "never";
  return { name, description, safe, approval: approvals[name] ?? spec.approval ?? byDefault };
}

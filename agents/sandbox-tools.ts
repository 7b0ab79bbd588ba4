import type { ToolSpec } from "../core/agent.js";
import { limitProblems } from "../core/sandbox-limits.js";
import { DEFAULT_SANDBOX_LIMITS, type SandboxLanguage, type SandboxLimits } from "../ports/sandbox.js";
import { DefinitionError } from "./definition-error.js";
import type { ToolDefinition } from "./tool.js";

/** Changes when the tools' meaning does: part of what an approver approves. */
const VERSION = "1";

/** Restoring and storing the workspace comes on top of the execution itself, in milliseconds. */
const AROUND_EXECUTION_MS = 60_000;

const WORKSPACE =
  "It starts in /workspace, whose files last from call to call; files left in /workspace/out become the run's result. " +
  "There is no network. Answers with exitCode, stdout and stderr.";

/** Runs Python in the sandbox: `{"code"}`. */
export const python: ToolDefinition = sandboxTool("python", "python", `Runs a Python 3 program. ${WORKSPACE}`);

/** Runs JavaScript (Node) in the sandbox: `{"code"}`. */
export const javascript: ToolDefinition = sandboxTool(
  "javascript",
  "javascript",
  `Runs a JavaScript program with Node.js; both import and require work. ${WORKSPACE}`,
);

/** Runs a shell command in the sandbox: `{"command"}`. */
export const shell: ToolDefinition = sandboxTool("shell", "shell", `Runs a shell command. ${WORKSPACE}`);

/**
 * A sandbox tool with limits of an agent's own; the worker's ceiling (WFLO_SANDBOX_LIMITS) caps them.
 * @throws DefinitionError for what is no limit, or no amount of one
 */
export function withLimits(tool: ToolDefinition, limits: Partial<SandboxLimits>): ToolDefinition {
  if (tool.spec.kind !== "sandbox")
    throw new DefinitionError("tool", tool.spec.name, "limits", "are for sandbox tools");
  const [problem] = limitProblems(limits);
  if (problem !== undefined) throw new DefinitionError("tool", tool.spec.name, "limits:", problem);
  const wallMs = limits.wallMs ?? DEFAULT_SANDBOX_LIMITS.wallMs;
  const settings = { ...tool.spec.settings, limits: { ...limits } };
  return { ...tool, spec: { ...tool.spec, settings, timeoutMs: wallMs + AROUND_EXECUTION_MS } };
}

function sandboxTool(name: string, language: SandboxLanguage, description: string): ToolDefinition {
  const field = language === "shell" ? "command" : "code";
  const spec: ToolSpec = {
    name,
    kind: "sandbox",
    safe: true,
    version: VERSION,
    // Each execution starts from a snapshot, and what it did in the sandbox is gone with it.
    repeatable: true,
    timeoutMs: DEFAULT_SANDBOX_LIMITS.wallMs + AROUND_EXECUTION_MS,
    description,
    inputSchema: {
      type: "object",
      properties: { [field]: { type: "string", minLength: 1 } },
      required: [field],
      additionalProperties: false,
    },
    settings: { language },
  };
  return { spec };
}

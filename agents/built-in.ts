import { type AgentDefinition, defineAgent } from "./agent.js";
import { askHuman } from "./ask-human.js";
import { javascript, python, shell } from "./sandbox-tools.js";

/** In order of preference; of those whose provider has a key, the first is used. */
const MODELS = ["openai/gpt-6-luna", "anthropic/claude-haiku-4-5", "google/gemini-3.6-flash"];

const assistant = defineAgent({
  name: "assistant",
  description: "Answers questions, computes in a sandbox, asks you where it needs a decision.",
  models: MODELS,
  instructions: `You are a careful assistant. Work step by step, and check what you compute by running code in the sandbox.
Ask the person only where a decision is theirs. Answer in the language you were asked in, briefly, with the result first.`,
  tools: [python, javascript, shell, askHuman],
});

const analyst = defineAgent({
  name: "analyst",
  description: "Works on files with Python; every shell command needs your approval.",
  models: MODELS,
  instructions: `You analyse the files in /workspace. Look at a file before you draw conclusions from it, compute with Python, and
leave tables and figures in /workspace/out. Say which files you used, what you found, and how sure you are.`,
  tools: [python, shell, askHuman],
  approvals: { shell: "always" },
});

/** The agents that ship with Wflo. */
export const BUILT_IN_AGENTS: readonly AgentDefinition[] = [assistant, analyst];

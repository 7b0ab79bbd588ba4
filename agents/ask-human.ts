import type { ToolDefinition } from "./tool.js";

/** Asks a person: opens a gate whose approving comment is the answer. */
export const askHuman: ToolDefinition = {
  spec: {
    name: "ask_human",
    kind: "human",
    safe: true,
    version: "1",
    repeatable: true,
    timeoutMs: 1_000,
    description:
      "Asks the person you work for a question and waits for the answer. Use it where a decision is theirs, or where you cannot find out by yourself.",
    inputSchema: {
      type: "object",
      properties: { question: { type: "string", minLength: 1 } },
      required: ["question"],
      additionalProperties: false,
    },
  },
};

import { z } from "zod";
import { defineAgent } from "../../agents/agent.js";
import { defineTool } from "../../agents/tool.js";

/** The agent whose runs `wflo prove` puts under faults: a model call, a tool that may be repeated, a model call. */
export const prover = defineAgent({
  name: "prover",
  instructions: "You note one line, and then say that the books agree.",
  model: "openai-compatible/counting",
  maxOutputTokens: 1_024,
  cache: { ttl: "1h" },
  tools: [
    defineTool({
      name: "note",
      description: "Notes a line",
      input: z.object({ line: z.string() }),
      safe: true,
      repeatable: true,
      resource: ({ line }) => `note/${line}/${process.pid}`,
      execute: ({ line }) => ({ noted: line }),
    }),
  ],
});

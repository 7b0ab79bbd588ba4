import { defineAgent, defineTool } from "wflo";
import { z } from "zod";

const NOTE_TEXT = "noted ".repeat(150);

const note = defineTool({
  name: "note",
  description: "Notes a text",
  input: z.object({ text: z.string() }),
  safe: true,
  repeatable: true,
  execute: () => ({ noted: NOTE_TEXT }),
});

const noteLocally = defineTool({
  name: "note_locally",
  description: "Notes a text",
  input: z.object({ text: z.string() }),
  safe: true,
  local: true,
  execute: () => ({ noted: NOTE_TEXT }),
});

export const agent = defineAgent({
  name: "bench",
  instructions: "You take notes.",
  model: "scripted/bench-20",
  tools: [note, noteLocally],
});

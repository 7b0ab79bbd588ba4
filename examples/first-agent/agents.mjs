import { defineAgent, defineTool } from "wflo";
import { z } from "zod";

const convert = defineTool({
  name: "convert",
  description: "Converts kilometres to miles",
  input: z.object({ kilometres: z.number() }),
  safe: true,
  local: true,
  execute: ({ kilometres }) => ({ miles: kilometres / 1.609344 }),
});

export const guide = defineAgent({
  name: "guide",
  model: "scripted/guide",
  instructions: "You help travellers with distances.",
  tools: [convert],
});

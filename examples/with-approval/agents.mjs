import { appendFile } from "node:fs/promises";
import { defineAgent, defineTool } from "wflo";
import { z } from "zod";

/** Not marked safe, so that people are asked; the key lets a repeated call be told from a second refund. */
const refund = defineTool({
  name: "refund",
  description: "Pays money back to a customer",
  input: z.object({ order: z.string(), usd: z.number().positive() }),
  async execute({ order, usd }, { idempotencyKey }) {
    await appendFile("refunds.txt", `${order} ${usd.toFixed(2)} ${idempotencyKey}\n`);
    return { refunded: usd };
  },
});

export const support = defineAgent({
  name: "support",
  model: "scripted/support",
  instructions: "You help customers whose order went wrong.",
  tools: [refund],
});

import type { Command } from "commander";
import type { TranscriptMessage } from "../../client/index.js";
import type { ToolResult } from "../../core/transcript.js";
import { readName } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { printable } from "../output.js";

/** `wflo transcript`: every message of a run. */
export function registerTranscript(program: Command, context: CommandContext): void {
  withJson(program.command("transcript"))
    .description("print the messages of a run so far")
    .argument("<ID>", "workflow id of the run", readName)
    .action(
      inSession(context, async (session: Session, workflowId: string) => {
        const messages = await (await session.client()).transcript(workflowId);
        session.output.answer(messages, () => messages.map(wordsOf).join("\n\n") || "no messages yet");
        return undefined;
      }),
    );
}

function wordsOf({ role, turn, model, by, text, toolCalls = [], toolResults = [] }: TranscriptMessage): string {
  const who = by ?? model;
  return [
    `── ${role}${who === undefined ? "" : ` (${who})`} · turn ${turn}`,
    ...(text ? [printable(text)] : []),
    ...toolCalls.map(({ name, args }) => `→ ${name} ${printable(JSON.stringify(args))}`),
    ...toolResults.map(resultWords),
  ].join("\n");
}

function resultWords({ name, result, error }: ToolResult): string {
  if (error !== undefined) return `← ${name} failed: ${printable(error)}`;
  return `← ${name} ${printable(typeof result === "string" ? result : JSON.stringify(result ?? null))}`;
}

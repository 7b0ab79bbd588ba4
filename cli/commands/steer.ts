import type { Command } from "commander";
import { readInputField, readName, whoAmI } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { textOf } from "../run-input.js";

/** `wflo say`, `wflo pause`, `wflo resume`, `wflo cancel`: what a run is told. */
export function registerSteer(program: Command, context: CommandContext): void {
  const by = (session: Session, flags: { by?: string }) => flags.by ?? whoAmI(session.surroundings.environment);

  withJson(program.command("say"))
    .description("say something to the agent; it hears it in its next turn")
    .argument("<ID>", "workflow id of the run", readName)
    .argument("<TEXT>", "what is said; - reads it from stdin", readInputField("input"))
    .option("--by <WHO>", "who says it (default: your user name)", readName)
    .action(
      inSession(context, async (session: Session, workflowId: string, text: string, flags: { by?: string }) => {
        const said = await textOf(session, text);
        const { turn } = await (await session.client()).attach(workflowId).say(said, { by: by(session, flags) });
        session.output.answer({ workflowId, turn }, () => `it reaches the model in turn ${turn}`);
        return undefined;
      }),
    );

  for (const command of ["pause", "resume"] as const) {
    withJson(program.command(command))
      .description(
        command === "pause" ? "stop a run before its next model or tool call; a call under way is cut" : "let it go on",
      )
      .argument("<ID>", "workflow id of the run", readName)
      .option("--by <WHO>", "who says so (default: your user name)", readName)
      .action(
        inSession(context, async (session: Session, workflowId: string, flags: { by?: string }) => {
          const run = (await session.client()).attach(workflowId);
          await run[command]({ by: by(session, flags) });
          const words =
            command === "pause" ? `asked to pause; go on with: wflo resume ${workflowId}` : "asked to go on";
          session.output.answer({ workflowId, command }, () => words);
          return undefined;
        }),
      );
  }

  withJson(program.command("cancel"))
    .description("end a run: it books what is under way, and ends as canceled")
    .argument("<ID>", "workflow id of the run", readName)
    .action(
      inSession(context, async (session: Session, workflowId: string) => {
        await (await session.client()).attach(workflowId).cancel();
        session.output.answer({ workflowId, command: "cancel" }, () => "asked to end");
        return undefined;
      }),
    );
}

import type { Command } from "commander";
import { readName } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { followRun } from "../follow-run.js";

/** `wflo watch`: follows a run that is there, and ends as it does. */
export function registerWatch(program: Command, context: CommandContext): void {
  withJson(program.command("watch"))
    .description("follow a run to its end, and print its answer; Ctrl-C ends the watching, not the run")
    .argument("<ID>", "workflow id of the run", readName)
    .option("--stream", "print the models' words as they come")
    .action(
      inSession(context, async (session: Session, workflowId: string, { stream = false }: { stream?: boolean }) => {
        const run = (await session.client()).attach(workflowId);
        const { runId, webUrl } = await run.summary();
        return await followRun(session, run, { workflowId, runId, webUrl }, { own: false, stream });
      }),
    );
}

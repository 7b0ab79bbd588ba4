import { type Command, Option } from "commander";
import { readCount, readInputField, readName } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { textOf } from "../run-input.js";
import { started } from "./run.js";

interface ForkFlags {
  readonly turn?: number;
  readonly input?: string;
  readonly id?: string;
  readonly detach?: boolean;
  readonly stream?: boolean;
}

/** `wflo fork`: a run that goes on from another one's transcript. */
export function registerFork(program: Command, context: CommandContext): void {
  withJson(program.command("fork"))
    .description("start a run that remembers another one, and follow it; the other one stays as it is")
    .argument("<ID>", "workflow id of the run to go on from", readName)
    .option("--turn <N>", "remember its turns up to this one (default: all)", readCount)
    .option(
      "--input <TEXT>",
      "what is said next; - reads it from stdin (needed where the old run, or --turn, ended with an answer)",
      readInputField("input"),
    )
    .option("--id <NEW>", "workflow id of the new run (default: run- and a random one)", readName)
    .option("--detach", "print the run's id and leave it running")
    .addOption(new Option("--stream", "print the models' words as they come").conflicts("detach"))
    .action(
      inSession(context, async (session: Session, workflowId: string, flags: ForkFlags) => {
        const client = await session.client();
        const run = await client.fork(workflowId, {
          ...(flags.turn === undefined ? {} : { turn: flags.turn }),
          ...(flags.input === undefined ? {} : { input: await textOf(session, flags.input) }),
          ...(flags.id === undefined ? {} : { id: flags.id }),
        });
        return await started(session, run, flags);
      }),
    );
}

import { type Command, Option } from "commander";
import type { RunRequest, StartedRun } from "../../client/index.js";
import { readFilePair, readInputField, readName, readUsd } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { followRun } from "../follow-run.js";
import { filesOf, textOf } from "../run-input.js";

interface RunFlags {
  readonly model?: string;
  readonly budget?: string;
  readonly account?: string;
  readonly id?: string;
  readonly file?: Readonly<Record<string, string>>;
  readonly detach?: boolean;
  readonly stream?: boolean;
}

const HELP = `
The answer goes to stdout, progress and questions to stderr. When a tool needs approval and there is a terminal, you are
asked here; elsewhere it says how to decide (wflo approve) and waits.

Ctrl-C on a terminal asks whether to cancel the run or to leave it running; pressed again it leaves. Without a terminal
(a script, CI) the first one cancels the run and waits for its books, the second one leaves. A closed terminal or a killed
command leaves the run running: it lives on the server.

Examples:
  wflo run assistant "What is 6 times 7?" --budget 0.10
  wflo run analyst "Which region sold most?" --file sales.csv=./sales.csv --stream
  git diff | wflo run assistant - --json`;

/** `wflo run`: starts a run and follows it to its answer. */
export function registerRun(program: Command, context: CommandContext): void {
  withJson(program.command("run"))
    .description("start a run of an agent, and follow it to its answer")
    .argument("<AGENT>", "the agent's name; `wflo agents` lists them", readInputField("agent"))
    .argument("<INPUT>", "what it is asked; - reads it from stdin", readInputField("input"))
    .option("--model <M>", "provider/model instead of the agent's own", readInputField("model"))
    .option("--budget <USD>", "the most that the run may spend, in US dollars such as 0.50", readUsd)
    .option("--account <A>", "account that pays, such as acme/search", readInputField("account"))
    .option(
      "--id <ID>",
      "workflow id; a second run of the same id is refused (default: run- and a random one)",
      readName,
    )
    .option("--file <K=PATH>", "put a file into the run's workspace as K; may be given again", readFilePair)
    .option("--detach", "print the run's id and leave it running")
    .addOption(new Option("--stream", "print the models' words as they come").conflicts("detach"))
    .addHelpText("after", HELP)
    .action(
      inSession(context, async (session: Session, agent: string, input: string, flags: RunFlags) => {
        const request: RunRequest = {
          agent,
          input: await textOf(session, input),
          ...(flags.model === undefined ? {} : { model: flags.model }),
          ...(flags.budget === undefined ? {} : { budget: { limitUsd: flags.budget } }),
          ...(flags.account === undefined ? {} : { account: flags.account }),
          ...(flags.file === undefined ? {} : { files: await filesOf(session, flags.file) }),
        };
        const client = await session.client();
        const run = await client.run(request, flags.id === undefined ? {} : { id: flags.id });
        return await started(session, run, flags);
      }),
    );
}

/** A run was started by this command: follows it, or only says where it is. */
export async function started(
  session: Session,
  run: StartedRun,
  { detach = false, stream = false }: Pick<RunFlags, "detach" | "stream">,
): Promise<number> {
  const { workflowId, runId, webUrl } = run;
  const place = { workflowId, runId, webUrl };
  if (detach) {
    session.output.answer({ ...place, status: "running" }, () => workflowId);
    session.output.say(`${webUrl}\nfollow it with: wflo watch ${workflowId}`);
    return 0;
  }
  session.output.say(`run ${workflowId}\n${webUrl}`);
  return await followRun(session, run, place, { own: true, stream });
}

import { Command, CommanderError } from "commander";
import type { CommandContext } from "./command.js";
import { registerAgents } from "./commands/agents.js";
import { registerApprovals } from "./commands/approvals.js";
import { registerApproverKey } from "./commands/approver-key.js";
import { registerAudit } from "./commands/audit.js";
import { registerBudget } from "./commands/budget.js";
import { registerCodecServer } from "./commands/codec-server.js";
import { registerCompletion } from "./commands/completion.js";
import { registerCost } from "./commands/cost.js";
import { registerDev } from "./commands/dev.js";
import { registerDlq } from "./commands/dlq.js";
import { registerDoctor } from "./commands/doctor.js";
import { registerEvents } from "./commands/events.js";
import { registerFiles } from "./commands/files.js";
import { registerFork } from "./commands/fork.js";
import { registerPrices } from "./commands/prices.js";
import { registerProve } from "./commands/prove.js";
import { registerReconcile } from "./commands/reconcile.js";
import { registerReplay } from "./commands/replay.js";
import { registerRun } from "./commands/run.js";
import { registerRuns } from "./commands/runs.js";
import { registerSandbox } from "./commands/sandbox.js";
import { registerSchedule } from "./commands/schedule.js";
import { registerSteer } from "./commands/steer.js";
import { registerTranscript } from "./commands/transcript.js";
import { registerTriggers } from "./commands/triggers.js";
import { registerWatch } from "./commands/watch.js";
import { registerWorker } from "./commands/worker.js";
import { EXIT_CODES } from "./exit-codes.js";
import { problemOf } from "./problems.js";
import type { Surroundings } from "./surroundings.js";

const DESCRIPTION = "Durable, budgeted, observable runs of AI agents on Temporal.";

const AFTER_HELP = `
Exit codes: 0 done, 1 the run failed, 2 wrong use, 3 out of budget, 4 rejected by an approver,
5 cannot reach a server, 130 interrupted.

Start with: wflo dev (in one terminal), then: wflo run assistant "What is 6 times 7?"`;

/** The command line in order of use; `finish` hears the exit code of the command that ran. */
export function createProgram(surroundings: Surroundings, finish: (exitCode: number) => void): Command {
  const { stdout, stderr } = surroundings;
  const program = new Command("wflo")
    .description(DESCRIPTION)
    .addHelpText("after", AFTER_HELP)
    .option("-V, --version", "print the version of Wflo")
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: (text, write) => write(withoutLongValues(text)),
      getOutHelpWidth: () => stdout.columns ?? 100,
      getErrHelpWidth: () => stderr.columns ?? 100,
    })
    .exitOverride();
  const context: CommandContext = { surroundings, finish };
  registerDev(program, surroundings);
  registerWorker(program, surroundings);
  registerRun(program, context);
  registerRuns(program, context);
  registerWatch(program, context);
  registerApprovals(program, context);
  registerApproverKey(program, context);
  registerSteer(program, context);
  registerTranscript(program, context);
  registerFiles(program, context);
  registerFork(program, context);
  registerBudget(program, context);
  registerCost(program, context);
  registerPrices(program, context);
  registerEvents(program, context);
  registerTriggers(program, context);
  registerSchedule(program, context);
  registerDlq(program, context);
  registerAudit(program, context);
  registerProve(program, context);
  registerReconcile(program, context);
  registerReplay(program, context);
  registerCodecServer(program, context);
  registerSandbox(program, context);
  registerDoctor(program, surroundings);
  registerAgents(program, context);
  registerCompletion(program, context);
  return program;
}

/**
 * Runs one command line (without `node` and the script) and answers its exit code; undefined where the command has set
 * the process's own.
 */
export async function runCli(argv: readonly string[], surroundings: Surroundings): Promise<number | undefined> {
  if (argv.length === 1 && ["-V", "--version"].includes(argv[0] ?? "")) {
    const { packageVersion } = await import("../workers/tool-finder.js");
    surroundings.stdout.write(`${packageVersion()}\n`);
    return EXIT_CODES.done;
  }
  let exitCode: number | undefined;
  const program = createProgram(surroundings, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(error, argv, surroundings);
    // commander has said already what is wrong, and what was meant.
    if (error.exitCode === 0) return EXIT_CODES.done;
    const message = withoutLongValues(error.message.replace(/^error: /, ""));
    if (asksForJson(argv)) surroundings.stdout.write(documentOf({ type: "wrong-use", message }));
    return EXIT_CODES.wrongUse;
  }
}

function report(error: unknown, argv: readonly string[], { stdout, stderr, environment }: Surroundings): number {
  const { exitCode, ...problem } = problemOf(error);
  for (const line of problem.message.split("\n")) stderr.write(`wflo: ${line}\n`);
  if (problem.advice !== undefined) stderr.write(`  → ${problem.advice}\n`);
  if (environment.WFLO_LOG_LEVEL === "debug" && error instanceof Error) stderr.write(`${error.stack}\n`);
  // A program that reads stdout gets one document, also of what went wrong.
  if (asksForJson(argv)) stdout.write(documentOf(problem));
  return exitCode;
}

/** A wrong value in a message is cut: it may be a whole document. */
function withoutLongValues(text: string): string {
  return text.replace(/'([^']{100})[^']{50,}'/gs, "'$1…'");
}

function documentOf(problem: object): string {
  return `${JSON.stringify({ error: problem })}\n`;
}

function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return (end === -1 ? argv : argv.slice(0, end)).includes("--json");
}

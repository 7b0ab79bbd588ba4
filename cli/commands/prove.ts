import type { Command } from "commander";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { EXIT_CODES } from "../exit-codes.js";

/** `wflo prove`: runs under a plan of faults, beside a provider that keeps books of its own. */
export function registerProve(program: Command, context: CommandContext): void {
  withJson(program.command("prove"))
    .description(
      "kill workers, cut streams and lose Redis under runs, and compare our books with a counting provider's",
    )
    .option("--quick", "a few faults instead of all")
    .addHelpText(
      "after",
      "\nOn a server, workers and a provider of its own; nothing of yours is touched. Ends with 1 where a promise broke.",
    )
    .action(
      inSession(context, async (session: Session, { quick = false }: { readonly quick?: boolean }) => {
        const { PLAN } = await import("../prove/plan.js");
        const { prove } = await import("../prove/world.js");
        const { proofWords, summaryWords } = await import("../prove/words.js");
        const { surroundings, output } = session;
        const plan = quick ? PLAN.filter((fault) => fault.quick) : PLAN;
        const proofs = await prove(plan, {
          environment: surroundings.environment,
          report: output.say,
          onProof: (proof) => {
            if (!output.json) surroundings.stdout.write(`${proofWords(proof)}\n\n`);
          },
        });
        output.answer(proofs, () => summaryWords(proofs));
        return proofs.some(({ problems }) => problems.length > 0) ? EXIT_CODES.runFailed : undefined;
      }),
    );
}

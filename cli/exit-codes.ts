import type { RunOutcome } from "../core/run.js";

/** How the command ends (CONTRACT 'Set-up and commands'). */
export const EXIT_CODES = {
  done: 0,
  runFailed: 1,
  wrongUse: 2,
  outOfBudget: 3,
  rejected: 4,
  unreachable: 5,
  interrupted: 130,
} as const;

/** The exit code of a run that ended with a result. */
export function exitCodeOfStatus(status: RunOutcome): number {
  switch (status) {
    case "completed":
      return EXIT_CODES.done;
    case "budget_exhausted":
      return EXIT_CODES.outOfBudget;
    case "rejected":
      return EXIT_CODES.rejected;
    case "max_turns":
    case "limit_reached":
      return EXIT_CODES.runFailed;
  }
}

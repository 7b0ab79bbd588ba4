import type { RunEnd } from "../client/index.js";
import { unreachable } from "../core/invariant.js";

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

/** The exit code of a run that has ended. */
export function exitCodeOfStatus(status: RunEnd): number {
  switch (status) {
    case "completed":
      return EXIT_CODES.done;
    case "budget_exhausted":
      return EXIT_CODES.outOfBudget;
    case "rejected":
      return EXIT_CODES.rejected;
    case "max_turns":
    case "limit_reached":
    case "failed":
    case "canceled":
    case "terminated":
    case "timed_out":
      return EXIT_CODES.runFailed;
    default:
      return unreachable(status);
  }
}

/** The exit code of a run that failed with this type. */
export function exitCodeOfFailure(type: string): number {
  return type === "BudgetExhausted" ? EXIT_CODES.outOfBudget : EXIT_CODES.runFailed;
}

import { ClientError, RunFailed } from "../client/client-error.js";
import { isWfloError } from "../core/failures.js";
import { EXIT_CODES, exitCodeOfFailure } from "./exit-codes.js";

/** What went wrong, for people and for programs. */
export interface Problem {
  readonly type: string;
  readonly message: string;
  /** What to do. */
  readonly advice?: string;
  readonly exitCode: number;
}

/** The command was used wrongly: the message names the argument or option, and what is accepted. */
export class WrongUse extends Error {
  override readonly name = "WrongUse";
  readonly advice: string | undefined;
  constructor(message: string, advice?: string) {
    super(message);
    this.advice = advice;
  }
}

/** Errors of the rooms below, by their names: a class does not survive a second copy of its module. */
const WRONG_USE = ["WrongSettings", "DefinitionError", "PortTaken", "WrongDecisionKey"];
const UNREACHABLE = ["ServerUnreachable"];

export function problemOf(error: unknown): Problem {
  if (error instanceof ClientError) {
    return { type: error.kind, message: error.message, advice: error.advice, exitCode: exitCodeOf(error) };
  }
  if (error instanceof RunFailed) {
    const { type, message, advice } = error;
    return { type, message, advice, exitCode: exitCodeOfFailure(type) };
  }
  if (error instanceof WrongUse) {
    const advice = error.advice === undefined ? {} : { advice: error.advice };
    return { type: "wrong-use", message: error.message, ...advice, exitCode: EXIT_CODES.wrongUse };
  }
  if (isWfloError(error)) {
    const exitCode = error.type === "InvalidInput" ? EXIT_CODES.wrongUse : exitCodeOfFailure(error.type);
    return { type: error.type, message: error.message, advice: error.advice, exitCode };
  }
  const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
  if (WRONG_USE.includes(name) || /^WFLO_[A-Z_]+: /.test(message))
    return { type: name, message, exitCode: EXIT_CODES.wrongUse };
  if (UNREACHABLE.includes(name)) return { type: name, message, exitCode: EXIT_CODES.unreachable };
  return { type: name, message, exitCode: EXIT_CODES.runFailed };
}

function exitCodeOf({ kind }: ClientError): number {
  switch (kind) {
    case "unreachable":
    case "no-worker":
      return EXIT_CODES.unreachable;
    case "no-such-run":
    case "run-ended":
    case "run-going-on":
    case "no-such-namespace":
    case "no-such-schedule":
    case "id-taken":
    case "denied":
    case "refused":
    case "configuration":
      return EXIT_CODES.wrongUse;
    case "blob":
    case "server":
      return EXIT_CODES.runFailed;
  }
}

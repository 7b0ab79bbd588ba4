/** A broken promise of our own: a bug in Wflo, never the answer to a wrong input. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/**
 * Holds a fact that only a bug of ours can break. `what` says, positively, what must hold.
 * In workflow code a violation fails the workflow task, which is retried after a fix: the run survives.
 * @throws Violation
 */
export function invariant(fact: boolean, what: string): asserts fact {
  if (!fact) throw new Violation(`must hold: ${what}`);
}

/** Ends a `switch` over a closed union; compiling proves that no case is missing. @throws Violation */
export function unreachable(value: never): never {
  throw new Violation(`no such case: ${JSON.stringify(value)}`);
}

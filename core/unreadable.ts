import { jsonProblem } from "./json-check.js";

/** What stands for a payload from outside that cannot be read, or is nothing that a workflow can hold. */
export class Unreadable {
  /** Why, for people. */
  readonly problem: string;
  constructor(problem: string) {
    this.problem = problem;
  }
}

/**
 * What a run carries along is nested deeper than any argument may be; what is nested deeper than this, even in a memo, keeps
 * the SDK from passing it to another thread, and the workflow task never ends.
 */
const DEEPEST = 256;

/** A value from outside as workflows take it. */
export function fromOutside<T>(value: T): T | Unreadable {
  const problem = jsonProblem(value, DEEPEST);
  return problem === undefined ? value : new Unreadable(`it ${problem}`);
}

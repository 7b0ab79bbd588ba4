/** An agent, tool or module that cannot be used as it is written; the message names it and the wrong option. */
export class DefinitionError extends Error {
  override readonly name = "DefinitionError";
  constructor(kind: "agent" | "tool" | "trigger" | "module" | "secret", of: string, option: string, problem: string) {
    super(`${kind} ${JSON.stringify(of)}: ${option} ${problem}`);
  }
}

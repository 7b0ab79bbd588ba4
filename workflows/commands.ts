import type { Checked } from "../core/commands.js";
import { seen } from "../core/dedupe.js";
import { refusedBecause } from "./decisions.js";
import { recordAudit } from "./outbox.js";
import type { Run } from "./run-context.js";

/** Commands with an id count once among their like: a top-up and a message may have the same id. */
export type CommandKind = "terms" | "message" | "reconciled";

/** A command with an id counts once. */
export function once(run: Run, kind: CommandKind, id: string | undefined, apply: () => void): void {
  if (wasCarriedOut(run, kind, id)) return;
  if (id !== undefined) run.newIds.add(`${kind}:${id}`);
  apply();
}

export function wasCarriedOut({ newIds, state }: Run, kind: CommandKind, id: string | undefined): boolean {
  if (id === undefined) return false;
  const own = `${kind}:${id}`;
  return newIds.has(own) || (state.seen.hashes !== "" && seen(state.seen, own));
}

/** Who sends a signal gets no answer: what became of it is on record. */
export function noteRefusal(run: Run, command: string, message: string, by?: string): void {
  recordAudit(run, "command.refused", { command, message: message.slice(0, 1_000) }, by);
}

/** What was read of an update's payload. @throws ApplicationFailure `Refused` */
export function commandOf<T>(checked: Checked<T>): T {
  if ("problems" in checked) throw refusedBecause(checked.problems.join("; "), "invalid");
  return checked.command;
}

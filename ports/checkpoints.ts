/**
 * Places where a process may die with something at stake, in the order that a call passes them. Tests kill a worker at
 * each; in production nobody listens.
 *
 *   model.started     the journal says who is buying; nothing was sent
 *   model.answered    the provider has billed; the journal does not have the answer
 *   model.journalled  the journal has the answer; Temporal has not heard of it
 *   tool.started      the journal says who runs the tool; it has done nothing
 *   tool.done         the tool has done its work; the journal does not have the result
 *   tool.journalled   the journal has the result; Temporal has not heard of it
 */
export type Checkpoint =
  | "model.started"
  | "model.answered"
  | "model.journalled"
  | "tool.started"
  | "tool.done"
  | "tool.journalled";

/** Called when a call reaches a checkpoint. */
export type PassCheckpoint = (checkpoint: Checkpoint) => void;

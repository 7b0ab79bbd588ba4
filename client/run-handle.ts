import type { WorkflowHandle } from "@temporalio/client";
import { createRunCommands, type RunCommands } from "./run-commands.js";
import { createRunReader, type RunReader } from "./run-reader.js";
import type { Temporal } from "./temporal.js";

/** One run of an agent. Every method rejects with ClientError (`kind` says why) where the call does not go through. */
export interface RunHandle extends RunReader, RunCommands {}

/** A handle to a run, by its workflow id. */
export function createRunHandle(temporal: Temporal, handle: WorkflowHandle): RunHandle {
  return { ...createRunReader(temporal, handle), ...createRunCommands(temporal, handle) };
}

import { ActivityFailure, ApplicationFailure } from "@temporalio/workflow";
import { type InPieces, isInPieces, PIECE_CHARACTERS, piecesOf } from "../core/pieces.js";
import type { BlobAddress } from "../core/transcript.js";
import { loadPiece, storePiece, storeReady } from "./calls.js";
import { plainFailure } from "./failures.js";
import type { Run } from "./run-context.js";
import { now } from "./run-context.js";

/**
 * Work with the blob store, again and again while the store is away: in between an activity waits for it, which Temporal
 * retries without an event.
 * @throws ApplicationFailure for what will not pass, such as a blob that is gone
 */
export async function onceStored<T>(run: Run, work: () => Promise<T>): Promise<T> {
  const { doing } = run;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isStoreAway(error)) throw plainFailure(error);
      const text = `waits for the blob store: ${causeOf(error)?.message ?? ""}`;
      run.doing = { state: doing.state, text, since: now() };
      await storeReady();
      run.doing = doing;
    }
  }
}

/** A store that did not answer, as an activity told it. */
export function isStoreAway(error: unknown): boolean {
  return causeOf(error)?.type === "StoreUnavailable";
}

/** A log that did not take what had to be on it first. */
export function isLogAway(error: unknown): boolean {
  return causeOf(error)?.type === "EventLogUnavailable";
}

/** Stores a value's JSON in pieces. */
export async function storedInPieces(value: unknown): Promise<InPieces> {
  return { pieces: await Promise.all(piecesOf(JSON.stringify(value), PIECE_CHARACTERS).map(storePiece)) };
}

/** The value itself, or what its pieces make. */
export async function whole<T extends object>(run: Run, value: T | InPieces): Promise<T> {
  if (!isInPieces(value)) return value;
  const texts = value.pieces.map(
    async (piece: BlobAddress) => await onceStored(run, async () => await loadPiece(piece)),
  );
  return JSON.parse((await Promise.all(texts)).join("")) as T;
}

function causeOf(error: unknown): ApplicationFailure | undefined {
  return error instanceof ActivityFailure && error.cause instanceof ApplicationFailure ? error.cause : undefined;
}

import { INLINE_BYTES } from "../core/activity-contract.js";
import { utf8Bytes } from "../core/digest.js";
import { piecesOf } from "../core/pieces.js";
import type { CarriedState, RunState } from "../core/run.js";
import type { BlobAddress } from "../core/transcript.js";
import { loadPiece, storePiece } from "./calls.js";

/** Characters of a piece: at most 24 KiB as UTF-8 text of JSON, whatever is in it. */
const PIECE_CHARACTERS = 8 * 1024;

/** Packs a state for continue-as-new: inline where it is small, else as pieces in the blob store. */
export async function packState(state: RunState): Promise<CarriedState> {
  const text = JSON.stringify(state);
  if (utf8Bytes(text) <= INLINE_BYTES) return { state };
  const pieces: BlobAddress[] = [];
  for (const piece of piecesOf(text, PIECE_CHARACTERS)) pieces.push(await storePiece(piece));
  return { pieces };
}

export async function unpackState(carried: CarriedState): Promise<RunState> {
  if ("state" in carried) return carried.state;
  const texts: string[] = [];
  for (const piece of carried.pieces) texts.push(await loadPiece(piece));
  return JSON.parse(texts.join("")) as RunState;
}

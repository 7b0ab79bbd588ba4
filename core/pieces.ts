import type { BlobAddress } from "./transcript.js";

/** Stands for a value whose JSON is too large for one payload: the blobs that hold it, in order. */
export interface InPieces {
  readonly pieces: readonly BlobAddress[];
}

/** Characters of a piece. As a JSON text inside a payload it takes three bytes a character at the most: 24 KiB. */
export const PIECE_CHARACTERS = 8 * 1024;

/** True for what stands for a value in pieces; no value of ours has a member of that name. */
export function isInPieces(value: object): value is InPieces {
  return "pieces" in value;
}

/**
 * A text in pieces of at most so many characters (at least 2), in order. None ends between the halves of a pair: each can
 * be stored as UTF-8 by itself, and joined they are the text again.
 */
export function piecesOf(text: string, mostCharacters: number): readonly string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const cut = at + mostCharacters;
    const end = cut < text.length && isPair(text, cut - 1) ? cut - 1 : cut;
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces;
}

/** The character at `at` and the one behind it are one code point. */
function isPair(text: string, at: number): boolean {
  return (text.codePointAt(at) ?? 0) > 0xffff;
}

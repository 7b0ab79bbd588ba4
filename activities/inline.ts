import { canonicalJson, utf8Bytes } from "../core/digest.js";
import type { Json, JsonObject } from "../core/json.js";
import { jsonProblem } from "../core/json-check.js";
import { type InPieces, PIECE_CHARACTERS, piecesOf } from "../core/pieces.js";
import { type BlobAddress, type BlobRef, isBlobRef, type TextOrRef } from "../core/transcript.js";
import type { Blobs } from "./blobs.js";

export { isBlobRef };

/** So much of what may travel is a large value's beginning: enough to know what it is. */
const PREVIEW_SHARE = 1 / 4;

/** What a ref takes beside its preview. */
const REF_BYTES = 160;

/** UTF-8 bytes that a value takes in a payload. */
export function payloadBytes(value: unknown): number {
  return utf8Bytes(JSON.stringify(value) ?? "");
}

/** The text itself where it takes at most `limitBytes` in a payload, else its blob, with as much of its beginning as fits. */
export async function textOrRef(blobs: Blobs, text: string, limitBytes: number): Promise<TextOrRef> {
  if (payloadBytes(text) <= limitBytes) return text;
  const { ref, bytes } = await blobs.put(text);
  return { ref, bytes, preview: beginningOf(text, limitBytes - REF_BYTES) };
}

/**
 * The value itself where it takes at most `limitBytes` in a payload, else its blob (canonical JSON). A value that looks like
 * a ref is stored too (what travels as a ref is one), and one that is nested too deeply for those who read payloads.
 */
export async function inlineOrRef<T extends Json>(blobs: Blobs, value: T, limitBytes: number): Promise<T | BlobRef> {
  const travels = payloadBytes(value) <= limitBytes && !isBlobRef(value) && jsonProblem(value) === undefined;
  if (travels) return value;
  const text = canonicalJson(value);
  const { ref, bytes } = await blobs.put(text);
  return { ref, bytes, preview: beginningOf(text, limitBytes * PREVIEW_SHARE) };
}

/** The object that a payload carried, inline or as a ref. */
export async function objectOf(blobs: Blobs, value: JsonObject | BlobRef): Promise<JsonObject> {
  return isBlobRef(value) ? await blobs.getJson<JsonObject>(value.ref) : value;
}

/** A value's JSON in blobs of which each one travels. */
export async function inPieces(blobs: Blobs, value: unknown): Promise<InPieces> {
  const stored = piecesOf(JSON.stringify(value), PIECE_CHARACTERS).map(async (piece) => (await blobs.put(piece)).ref);
  return { pieces: await Promise.all(stored) };
}

/** As many files as fit, and where all of them are. */
export async function filesOrRef(
  blobs: Blobs,
  files: Readonly<Record<string, BlobAddress>>,
  limitBytes: number,
): Promise<{ readonly out: Readonly<Record<string, BlobAddress>>; readonly outRef?: BlobAddress }> {
  if (payloadBytes(files) <= limitBytes) return { out: files };
  const out: [string, BlobAddress][] = [];
  let bytes = 2;
  for (const file of Object.entries(files)) {
    bytes += payloadBytes(file);
    if (bytes > limitBytes) break;
    out.push(file);
  }
  return { out: Object.fromEntries(out), outRef: (await blobs.putJson(files)).ref };
}

/** The longest beginning of a text that takes at most `limitBytes` in a payload and breaks no character. */
export function beginningOf(text: string, limitBytes: number): string {
  let bytes = 2;
  let end = 0;
  for (const character of text.slice(0, Math.max(0, limitBytes))) {
    bytes += payloadBytes(character) - 2;
    if (bytes > limitBytes) break;
    end += character.length;
  }
  return text.slice(0, end);
}

import { digestOf } from "./digest.js";

/** Ids of commands that were carried out: hashes of 48 bits, so that thousands stay small; plain JSON. */
export interface SeenIds {
  /** Eight characters each, oldest first. */
  readonly hashes: string;
}

/**
 * Ids that are remembered: twice what one history can hold as signals. Two of 20,000 ids collide with a chance of
 * 20,000² / 2^49 ≈ 7e-7, and then the later command would be taken for a duplicate.
 */
const IDS_REMEMBERED = 20_000;
const WIDTH = 8;

export const NONE_SEEN: SeenIds = { hashes: "" };

export function seen(ids: SeenIds, id: string): boolean {
  const hash = hashOf(id);
  for (let at = ids.hashes.indexOf(hash); at >= 0; at = ids.hashes.indexOf(hash, at + 1))
    if (at % WIDTH === 0) return true;
  return false;
}

export function remember(ids: SeenIds, id: string): SeenIds {
  return { hashes: (ids.hashes + hashOf(id)).slice(-IDS_REMEMBERED * WIDTH) };
}

/** 48 bits in eight characters of base 64. */
function hashOf(id: string): string {
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const hex = digestOf(id).slice("sha256:".length);
  let text = "";
  for (let at = 0; at < 12; at += 3) {
    const bits = Number.parseInt(hex.slice(at, at + 3), 16);
    text += (ALPHABET[bits >> 6] ?? "") + (ALPHABET[bits & 63] ?? "");
  }
  return text;
}

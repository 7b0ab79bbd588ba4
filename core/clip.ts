import { utf8Bytes } from "./digest.js";

/** A text for people, cut to so many UTF-8 bytes; what was cut shows as `…`. Breaks no character. */
export function clipped(text: string, mostBytes: number): string {
  if (text.length <= mostBytes && utf8Bytes(text) <= mostBytes) return text;
  const room = mostBytes - utf8Bytes("…");
  let bytes = 0;
  let end = 0;
  for (const character of text.slice(0, mostBytes)) {
    bytes += utf8Bytes(character);
    if (bytes > room) break;
    end += character.length;
  }
  return `${text.slice(0, end)}…`;
}

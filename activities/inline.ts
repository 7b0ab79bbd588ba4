import { canonicalJson, utf8Bytes } from "../core/digest.js";
import type { Json, JsonObject } from "../core/json.js";
import type { BlobRef, TextOrRef } from "../core/transcript.js";
import type { Blobs } from "./blobs.js";

/** So much of what may travel is a large text's beginning: a character is at most four bytes. */
const PREVIEW_SHARE = 1 / 4;

/** The text itself up to `limitBytes` of UTF-8, else its blob. */
export async function textOrRef(blobs: Blobs, text: string, limitBytes: number): Promise<TextOrRef> {
  if (utf8Bytes(text) <= limitBytes) return text;
  return await refTo(blobs, text, limitBytes);
}

/** The value itself up to `limitBytes` of JSON, else its blob (canonical JSON). */
export async function inlineOrRef<T extends Json>(blobs: Blobs, value: T, limitBytes: number): Promise<T | BlobRef> {
  const text = canonicalJson(value);
  if (utf8Bytes(text) <= limitBytes) return value;
  return await refTo(blobs, text, limitBytes);
}

/** The object that a payload carried, inline or as a ref. */
export async function objectOf(blobs: Blobs, value: JsonObject | BlobRef): Promise<JsonObject> {
  return isBlobRef(value) ? await blobs.getJson<JsonObject>(value.ref) : value;
}

/** A ref as the activities make them: nothing but an address, a size and a preview. */
export function isBlobRef(value: unknown): value is BlobRef {
  if (typeof value !== "object" || value === null) return false;
  const { ref, bytes, preview, ...rest } = value as Record<string, unknown>;
  return (
    typeof ref === "string" &&
    /^sha256:[0-9a-f]{64}$/.test(ref) &&
    (bytes === undefined || typeof bytes === "number") &&
    (preview === undefined || typeof preview === "string") &&
    Object.keys(rest).length === 0
  );
}

async function refTo(blobs: Blobs, text: string, limitBytes: number): Promise<BlobRef> {
  const { ref, bytes } = await blobs.put(text);
  return { ref, bytes, preview: text.slice(0, Math.floor(limitBytes * PREVIEW_SHARE)) };
}

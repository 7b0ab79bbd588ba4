import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { canonicalJson } from "../core/digest.js";
import type { BlobAddress } from "../core/transcript.js";
import type { ObjectStore } from "../ports/object-store.js";

/** Content by its address; equal content is stored once. */
export interface Blobs {
  /** Stores bytes, or a text as UTF-8. @throws StoreUnavailable */
  put(content: Uint8Array | string): Promise<{ readonly ref: BlobAddress; readonly bytes: number }>;
  /** Stores a value's canonical JSON. */
  putJson(value: unknown): Promise<{ readonly ref: BlobAddress; readonly bytes: number }>;
  /** The bytes, shared by all callers: not to be changed. @throws BlobMissing, BlobCorrupt, StoreUnavailable */
  get(ref: BlobAddress): Promise<Uint8Array>;
  getText(ref: BlobAddress): Promise<string>;
  /** The parsed value, shared by all callers: not to be changed. */
  getJson<T>(ref: BlobAddress): Promise<T>;
}

/** The store has no blob of this address. */
export class BlobMissing extends Error {
  override readonly name = "BlobMissing";
}

/** The store's bytes are not those that were put. */
export class BlobCorrupt extends Error {
  override readonly name = "BlobCorrupt";
}

const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;

/**
 * So long a worker takes it that the store still has what it had, in milliseconds. Without it each run's start would write
 * its agent's definition again; for ever would be too long: somebody may empty the store beside a worker that lives for
 * months, and what it then gave an address of would be on no other worker.
 */
const STORED_FOR_MS = 60_000;

/** What an entry costs besides its bytes. */
const ENTRY_BYTES = 200;

/** A byte order mark is a part of the text like any other. */
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

interface Kept {
  readonly bytes: Uint8Array;
  /** When the store was seen to have it. */
  storedAtMs: number;
}

/** @param cacheBytes of content that this worker keeps in memory, and as much again of parsed JSON */
export function createBlobs(
  store: ObjectStore,
  {
    cacheBytes = DEFAULT_CACHE_BYTES,
    nowMs = () => performance.now(),
  }: { readonly cacheBytes?: number; readonly nowMs?: () => number } = {},
): Blobs {
  const contents = new LRUCache<BlobAddress, Kept>({
    maxSize: cacheBytes,
    sizeCalculation: ({ bytes }) => bytes.length + ENTRY_BYTES,
  });
  const parsed = new LRUCache<BlobAddress, { value: unknown; characters: number }>({
    maxSize: cacheBytes,
    sizeCalculation: ({ characters }) => characters + ENTRY_BYTES,
  });
  const put = async (content: Uint8Array | string) => {
    // A copy: the caller may go on with its own bytes, and a small buffer would hold a whole pool in memory.
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content);
    const ref = hash(bytes);
    const kept = contents.get(ref);
    if (!kept || nowMs() - kept.storedAtMs > STORED_FOR_MS) {
      await store.putIfAbsent(keyOf(ref), bytes);
      contents.set(ref, { bytes, storedAtMs: nowMs() });
    }
    return { ref, bytes: bytes.length };
  };
  const get = async (ref: BlobAddress) => {
    const kept = contents.get(ref);
    if (kept) return kept.bytes;
    const bytes = await store.get(keyOf(ref));
    if (!bytes) throw new BlobMissing(`the blob ${ref} is not in ${store.description}`);
    if (hash(bytes) !== ref) {
      throw new BlobCorrupt(
        `the blob ${ref} in ${store.description} has other bytes than were put; restore it from a backup`,
      );
    }
    contents.set(ref, { bytes, storedAtMs: nowMs() });
    return bytes;
  };
  const getText = async (ref: BlobAddress) => UTF8.decode(await get(ref));
  return {
    put,
    putJson: async (value) => await put(canonicalJson(value)),
    get,
    getText,
    async getJson<T>(ref: BlobAddress) {
      const known = parsed.get(ref);
      if (known) return known.value as T;
      const text = await getText(ref);
      const value = parsedJson(ref, text) as T;
      parsed.set(ref, { value, characters: text.length });
      return value;
    },
  };
}

function parsedJson(ref: BlobAddress, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BlobCorrupt(`the blob ${ref} is not the JSON that it is taken for`);
  }
}

function hash(bytes: Uint8Array): BlobAddress {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function keyOf(ref: BlobAddress): string {
  const match = /^sha256:([0-9a-f]{2})([0-9a-f]{62})$/.exec(ref);
  if (!match) throw new BlobMissing(`${JSON.stringify(ref)} is not the address of a blob`);
  return `blobs/${match[1]}/${match[2]}`;
}

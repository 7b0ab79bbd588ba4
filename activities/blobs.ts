import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { canonicalJson } from "../core/digest.js";
import type { BlobAddress } from "../core/transcript.js";
import type { ObjectStore } from "../ports/object-store.js";

/** Content by its address; equal content is stored once. */
export interface Blobs {
  /** Stores bytes, or a text as UTF-8. */
  put(content: Uint8Array | string): Promise<{ readonly ref: BlobAddress; readonly bytes: number }>;
  /** Stores a value's canonical JSON. */
  putJson(value: unknown): Promise<{ readonly ref: BlobAddress; readonly bytes: number }>;
  /** @throws BlobMissing, BlobCorrupt, StoreUnavailable */
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

/** @param cacheBytes of content that this worker keeps in memory, and as much again of parsed JSON */
export function createBlobs(
  store: ObjectStore,
  { cacheBytes = DEFAULT_CACHE_BYTES }: { readonly cacheBytes?: number } = {},
): Blobs {
  const contents = new LRUCache<BlobAddress, Uint8Array>({
    maxSize: cacheBytes,
    sizeCalculation: (bytes) => bytes.length + 100,
  });
  const parsed = new LRUCache<BlobAddress, { value: unknown; bytes: number }>({
    maxSize: cacheBytes,
    sizeCalculation: ({ bytes }) => bytes + 100,
  });
  const put = async (content: Uint8Array | string) => {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    const ref = hash(bytes);
    if (!contents.has(ref)) {
      await store.putIfAbsent(keyOf(ref), bytes);
      contents.set(ref, bytes);
    }
    return { ref, bytes: bytes.length };
  };
  const get = async (ref: BlobAddress) => {
    const cached = contents.get(ref);
    if (cached) return cached;
    const bytes = await store.get(keyOf(ref));
    if (!bytes) throw new BlobMissing(`the blob ${ref} is not in ${store.description}`);
    if (hash(bytes) !== ref) {
      throw new BlobCorrupt(
        `the blob ${ref} in ${store.description} has other bytes than were put; restore it from a backup`,
      );
    }
    contents.set(ref, bytes);
    return bytes;
  };
  const getText = async (ref: BlobAddress) => Buffer.from(await get(ref)).toString("utf8");
  return {
    put,
    putJson: async (value) => await put(canonicalJson(value)),
    get,
    getText,
    async getJson<T>(ref: BlobAddress) {
      const known = parsed.get(ref);
      if (known) return known.value as T;
      const text = await getText(ref);
      const value = JSON.parse(text) as T;
      parsed.set(ref, { value, bytes: text.length });
      return value;
    },
  };
}

function hash(bytes: Uint8Array): BlobAddress {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function keyOf(ref: BlobAddress): string {
  const match = /^sha256:([0-9a-f]{2})([0-9a-f]{62})$/.exec(ref);
  if (!match) throw new BlobMissing(`${JSON.stringify(ref)} is not the address of a blob`);
  return `blobs/${match[1]}/${match[2]}`;
}

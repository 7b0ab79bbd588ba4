/**
 * Named bytes that outlive every worker: blobs, transcripts, the call journal.
 *
 * Promise: a `put` or `putIfAbsent` that has returned is seen by every later `get`, in every process that uses the same
 * store, also after a crash of the caller. A reader never sees half of a value. Of several racing `putIfAbsent` of one key
 * exactly one answers true. Keys are `/`-separated, of `[A-Za-z0-9._=-]` segments, at most 512 characters.
 *
 * An implementation throws `StoreUnavailable` for what may pass (network, 5xx), any other error for what will not.
 */
export interface ObjectStore {
  /** The value, or undefined where there is none. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Writes or overwrites. */
  put(key: string, value: Uint8Array): Promise<void>;
  /** Writes where there is nothing yet; false (and no change) where there is. */
  putIfAbsent(key: string, value: Uint8Array): Promise<boolean>;
  /** The keys below a prefix that ends in `/`, in lexical order. */
  list(prefix: string): Promise<readonly string[]>;
  /** Removes a key; no error where there is none. */
  delete(key: string): Promise<void>;
  /** For people: `file:.wflo/blobs`, `s3://bucket/prefix`. Never a credential. */
  readonly description: string;
}

/** The store did not answer; the same call may go through later. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

/**
 * Named bytes that outlive every worker: blobs, transcripts, the call journal.
 *
 * Promise: a `put` or `putIfAbsent` that has returned is seen by every later `get`, in every process that uses the same
 * store, also after a crash of the caller. A reader never sees half of a value. Of several racing `putIfAbsent` of one key
 * exactly one answers true. A write that threw may have happened all the same.
 *
 * An implementation throws `StoreUnavailable` for what may pass (network, 5xx, a full disk), any other error for what will
 * not (no such bucket, no permission), and `RangeError` for what is no key (`checkKey`).
 */
export interface ObjectStore {
  /** The value, or undefined where there is none. The bytes belong to the caller. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Writes or overwrites. */
  put(key: string, value: Uint8Array, options?: WriteOptions): Promise<void>;
  /** Writes where there is nothing yet; false (and no change) where there is. */
  putIfAbsent(key: string, value: Uint8Array, options?: WriteOptions): Promise<boolean>;
  /** The keys below a prefix that ends in `/`, in lexical order. */
  list(prefix: string): Promise<readonly string[]>;
  /** Removes a key; no error where there is none. */
  delete(key: string): Promise<void>;
  /** For people: `file:.wflo/blobs`, `s3://bucket/prefix`. Never a credential. */
  readonly description: string;
}

export interface WriteOptions {
  /**
   * Of no use after a power cut (a lease, a sign of life), so no disk has to be waited for: after one it may be gone, or
   * empty. Everything else is as promised. @default false
   */
  readonly passing?: boolean;
}

/** The store did not answer; the same call may go through later. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

/**
 * Keys are segments of `[A-Za-z0-9._=-]`, at most 200 characters each and not `.` or `..`, with `/` between them; 512
 * characters in all. No key is also the folder of another (`a` and `a/b`), and none differs from another in case alone:
 * stores on file systems could not keep them apart.
 * @throws RangeError
 */
export function checkKey(key: string): void {
  const segments = key.split("/");
  if (key.length > 512 || !segments.every((segment) => SEGMENT.test(segment) && segment !== "." && segment !== "..")) {
    throw new RangeError(`${JSON.stringify(key)} is not a key of the object store`);
  }
}

/** A prefix is a key with a `/` after it. @throws RangeError */
export function checkPrefix(prefix: string): void {
  if (!prefix.endsWith("/")) throw new RangeError(`${JSON.stringify(prefix)} is not a prefix: it has no / at its end`);
  checkKey(prefix.slice(0, -1));
}

const SEGMENT = /^[A-Za-z0-9._=-]{1,200}$/;

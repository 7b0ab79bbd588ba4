/** A bucket that fills evenly, with room for a minute's worth. */
export interface Bucket {
  readonly name: string;
  readonly perMinute: number;
}

export interface Draw extends Bucket {
  /** More than the bucket can hold counts as all of it. */
  readonly amount: number;
}

export type Drawn = { readonly ok: true } | { readonly ok: false; readonly retryAfterMs: number };

/** Token buckets that processes share. Never fails and never waits for long: where it cannot be reached, each process limits itself. */
export interface RateLimiter {
  /** Takes from all the buckets, or from none and says when it may be tried again. */
  take(draws: readonly Draw[]): Promise<Drawn>;
  /** What was taken was too little (or, below zero, too much): a bucket may owe, and then nothing is given until it has filled. */
  settle(bucket: Bucket, more: number): Promise<void>;
}

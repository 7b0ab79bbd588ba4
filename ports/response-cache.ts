/** What a cache says to a question. */
export type CacheLook =
  | { readonly kind: "hit"; readonly value: string }
  /** Nobody asks yet: whoever got the claim does, and keeps the answer or gives the claim up. */
  | { readonly kind: "claimed"; readonly claim: string }
  /** Another caller, perhaps of another process, is asking at the moment. */
  | { readonly kind: "asked" }
  /** The cache cannot be reached. */
  | { readonly kind: "away" };

/**
 * Answers that were bought before, for a while. A cache may lose everything at any time; it never fails and never waits
 * for long.
 */
export interface ResponseCache {
  look(key: string): Promise<CacheLook>;
  /** A claim ends by itself some seconds after it was last renewed: whoever asks may have died. */
  renew(key: string, claim: string): Promise<void>;
  /** Keeps an answer for about that long (up to a tenth less, so that not all end at once), and ends the claim. */
  keep(key: string, claim: string, value: string, ttlMs: number): Promise<void>;
  /** There will be no answer: the next one may ask. */
  giveUp(key: string, claim: string): Promise<void>;
}

/** A longer answer is not kept, in characters. */
export const LONGEST_CACHED = 256 * 1024;

/** A claim that is not renewed ends after so long, in milliseconds. */
export const CLAIM_MS = 5_000;

/** Up to a tenth less: answers that came together do not end together. */
export function jittered(ttlMs: number, random = Math.random()): number {
  return Math.max(1, Math.round(ttlMs * (1 - random / 10)));
}

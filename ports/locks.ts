/** A resource that its holder has for itself. */
export interface Lock {
  /** Larger than that of everybody who held it before: a system that remembers the largest can refuse those who are late. */
  readonly fence: number;
  /** False: the lock was lost (not renewed in time, or the store lost it). */
  renew(): Promise<boolean>;
  release(): Promise<void>;
}

/**
 * Locks by name. A holder that is not heard of for `ttlMs` loses its lock, and may not know: what must never be done twice at
 * once has to look at the fence.
 */
export interface Locks {
  /** Undefined: somebody else has it, or nobody can tell. */
  acquire(name: string, options: { readonly ttlMs: number }): Promise<Lock | undefined>;
}

/** A key for AES-256-GCM. */
export interface EncryptionKey {
  /** Stands in clear beside everything that it encrypts: `[A-Za-z0-9._-]`, at most 64 characters. */
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/**
 * The keys that payloads, blobs, events and streams are encrypted with. One that a key management service guards asks it for
 * a data key, and again for one that it has not at hand; it may be asked often, so it remembers what it was told.
 */
export interface KeyRing {
  /** Encrypts from now on. @throws Error where there is none at hand: nothing is written then */
  current(): Promise<EncryptionKey>;
  /** Undefined: no such key, so what it encrypted cannot be read. @throws Error where the service does not answer */
  find(id: string): Promise<EncryptionKey | undefined>;
}

export const KEY_ID = /^[A-Za-z0-9._-]{1,64}$/;
export const KEY_BYTES = 32;

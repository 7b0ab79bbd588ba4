import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { type EncryptionKey, KEY_BYTES, type KeyRing } from "../ports/key-ring.js";

/*
 * AES-256-GCM (NIST SP 800-38D) with random nonces of 96 bits, of which one key should see no more than 2^32: a key that
 * is replaced each year may write 136 times a second.
 *
 * Sealed bytes: "WFLO" 1 · length of the key's id · id · nonce · encrypted · tag. What a thing is (its `place`) is
 * authenticated with it, so that nothing fits anywhere else.
 */

const MAGIC = Buffer.from("WFLO\x01", "latin1");
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Something encrypted cannot be read: its key is not on the ring (`no-key`), or it is not what the key has sealed (`broken`). */
export class Undecipherable extends Error {
  override readonly name = "Undecipherable";
  readonly kind: "no-key" | "broken";
  constructor(kind: Undecipherable["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Nonce, encrypted bytes and tag, as Temporal's own samples of codecs have them. */
export function encrypt({ id, secret }: EncryptionKey, clear: Uint8Array, place?: string): Uint8Array {
  if (secret.length !== KEY_BYTES) throw new RangeError(`the encryption key ${id} has not ${KEY_BYTES} bytes`);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", secret, nonce);
  if (place !== undefined) cipher.setAAD(Buffer.from(place));
  return Buffer.concat([nonce, cipher.update(clear), cipher.final(), cipher.getAuthTag()]);
}

/** The clear bytes of what {@link encrypt} gave. @throws Undecipherable `broken` */
export function decrypt({ id, secret }: EncryptionKey, bytes: Uint8Array, place?: string): Uint8Array {
  try {
    const encrypted = bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES);
    const tag = bytes.subarray(bytes.length - TAG_BYTES);
    const decipher = createDecipheriv("aes-256-gcm", secret, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    if (place !== undefined) decipher.setAAD(Buffer.from(place));
    decipher.setAuthTag(tag);
    return Buffer.concat([decipher.update(encrypted), decipher.final()]);
  } catch {
    const what = place === undefined ? "a payload" : place;
    throw new Undecipherable(
      "broken",
      `${what} is not what the encryption key ${id} has sealed: changed, or another key`,
    );
  }
}

/** Encrypts with the ring's current key; the key's id goes along. */
export async function seal(ring: KeyRing, clear: Uint8Array, place: string): Promise<Uint8Array> {
  const key = await ring.current();
  const id = Buffer.from(key.id, "latin1");
  return Buffer.concat([MAGIC, Buffer.of(id.length), id, encrypt(key, clear, place)]);
}

/** Whether {@link seal} made these bytes. */
export function isSealed(bytes: Uint8Array): boolean {
  return bytes.length > MAGIC.length && MAGIC.equals(bytes.subarray(0, MAGIC.length));
}

/** The clear bytes; what was written before there was encryption is clear already. @throws Undecipherable */
export async function unseal(ring: KeyRing, bytes: Uint8Array, place: string): Promise<Uint8Array> {
  if (!isSealed(bytes)) return bytes;
  const idAt = MAGIC.length + 1;
  const idEnd = idAt + (bytes[MAGIC.length] ?? 0);
  const id = Buffer.from(bytes.subarray(idAt, idEnd)).toString("latin1");
  return decrypt(await keyFor(ring, id, place), bytes.subarray(idEnd), place);
}

/** @throws Undecipherable `no-key` */
export async function keyFor(ring: KeyRing, id: string, what: string): Promise<EncryptionKey> {
  const key = await ring.find(id);
  if (key) return key;
  throw new Undecipherable(
    "no-key",
    `${what} is encrypted with the key ${JSON.stringify(id)}, which is not there; add it to WFLO_ENCRYPTION_KEYS`,
  );
}

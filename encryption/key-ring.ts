import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type EncryptionKey, KEY_BYTES, KEY_ID, type KeyRing } from "../ports/key-ring.js";

/** What is wrong with the text of keys, for people; never the text itself. */
export interface WrongKeys {
  readonly problem: string;
}

/** Reads `id:base64key,…` (CONTRACT: WFLO_ENCRYPTION_KEYS). */
export function readKeys(text: string): readonly EncryptionKey[] | WrongKeys {
  const keys: EncryptionKey[] = [];
  for (const [index, part] of text.split(",").entries()) {
    const which = `key ${index + 1}`;
    const colon = part.indexOf(":");
    if (colon < 0) return { problem: `${which} has no colon between its id and its bytes` };
    const id = part.slice(0, colon).trim();
    if (!KEY_ID.test(id)) return { problem: `${which} has an id that is not 1 to 64 letters, digits, . _ or -` };
    if (keys.some((key) => key.id === id)) return { problem: `two keys have the id ${id}` };
    const bytes = part.slice(colon + 1).trim();
    const secret = /^[A-Za-z0-9+/_-]+={0,2}$/.test(bytes) ? Buffer.from(bytes, "base64") : Buffer.alloc(0);
    if (secret.length !== KEY_BYTES) {
      return {
        problem: `the key ${id} is not ${KEY_BYTES} bytes in base64 (make one with \`openssl rand -base64 32\`)`,
      };
    }
    keys.push({ id, secret });
  }
  return keys;
}

/** A ring of keys that are at hand: the first one encrypts, all decrypt. @throws RangeError without a key */
export function createKeyRing(keys: readonly EncryptionKey[]): KeyRing {
  const [first] = keys;
  if (!first) throw new RangeError("a ring has at least one key");
  const byId = new Map(keys.map((key) => [key.id, key]));
  return { current: async () => first, find: async (id) => byId.get(id) };
}

/** A ring that a module exports as `keyRing`, such as one over a key management service; it is loaded when it is needed. */
export function createModuleKeyRing(path: string): KeyRing {
  let loading: Promise<KeyRing> | undefined;
  const ring = async () => {
    loading ??= load(path);
    return await loading;
  };
  return {
    current: async () => await (await ring()).current(),
    find: async (id) => await (await ring()).find(id),
  };
}

async function load(path: string): Promise<KeyRing> {
  const { keyRing } = (await import(pathToFileURL(path).href)) as { readonly keyRing?: Partial<KeyRing> };
  if (typeof keyRing?.current === "function" && typeof keyRing.find === "function") return keyRing as KeyRing;
  throw new TypeError(`${path} (WFLO_KEY_RING) exports no keyRing with the methods current and find`);
}

/**
 * The ring that WFLO_ENCRYPTION_KEYS or WFLO_KEY_RING names; undefined: nothing is encrypted.
 * @param folder that a relative path starts from @throws RangeError for keys that are none
 */
export function keyRingOf(environment: NodeJS.ProcessEnv, folder: string): KeyRing | undefined {
  const module = environment.WFLO_KEY_RING?.trim();
  if (module) return createModuleKeyRing(isAbsolute(module) ? module : resolve(folder, module));
  const text = environment.WFLO_ENCRYPTION_KEYS?.trim();
  if (!text) return undefined;
  const keys = readKeys(text);
  if ("problem" in keys) throw new RangeError(`WFLO_ENCRYPTION_KEYS: ${keys.problem}`);
  return createKeyRing(keys);
}

import { seal, Undecipherable, unseal } from "../encryption/cipher.js";
import type { KeyRing } from "../ports/key-ring.js";
import { type ObjectStore, StoreUnavailable } from "../ports/object-store.js";
import { WrongSettings } from "./config.js";

/** Below it there is a value for each key that has encrypted something here. */
const MARKS = "encryption-keys/";
const CLEAR = Buffer.from("wflo");

/** A key that encrypts for the first time, and those that did before. */
export interface NewKey {
  readonly id: string;
  readonly before: readonly string[];
}

/**
 * Compares the keys with those that the store has seen, before any work is taken, and notes the one that encrypts from now
 * on. A store that is away is compared another time: what needs it waits for it anyway.
 * @param stored the values as they are kept
 * @returns the key where it is new
 * @throws WrongSettings for a key that is missing, or another one of the same id
 */
export async function checkEncryptionKeys(stored: ObjectStore, ring: KeyRing | undefined): Promise<NewKey | undefined> {
  const current = await ring?.current();
  try {
    const { marks, problems } = await lookAtMarks(stored, ring);
    if (problems.length > 0) throw new WrongSettings(problems);
    if (ring && current) {
      const mark = `${MARKS}${current.id}`;
      if (marks.includes(mark)) return undefined;
      await stored.putIfAbsent(mark, await seal(ring, CLEAR, mark));
      return { id: current.id, before: marks.map((one) => one.slice(MARKS.length)) };
    }
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
  }
  return undefined;
}

/** Keys that are missing, or not those that encrypted what is in the store; nothing is changed. @throws StoreUnavailable */
export async function encryptionProblems(stored: ObjectStore, ring: KeyRing | undefined): Promise<readonly string[]> {
  return (await lookAtMarks(stored, ring)).problems;
}

async function lookAtMarks(stored: ObjectStore, ring: KeyRing | undefined) {
  const marks = await stored.list(MARKS);
  const problems = await Promise.all(marks.map(async (mark) => await problemOf(stored, ring, mark)));
  return { marks, problems: problems.filter((problem) => problem !== undefined) };
}

async function problemOf(stored: ObjectStore, ring: KeyRing | undefined, mark: string): Promise<string | undefined> {
  const id = mark.slice(MARKS.length);
  if (!ring) {
    return `WFLO_ENCRYPTION_KEYS is not set, and ${stored.description} has content that the key ${id} encrypted: set it`;
  }
  const value = await stored.get(mark);
  if (!value) return undefined;
  try {
    await unseal(ring, value, mark);
    return undefined;
  } catch (error) {
    if (!(error instanceof Undecipherable)) throw error;
    return error.kind === "no-key"
      ? `WFLO_ENCRYPTION_KEYS lacks the key ${id}, which has encrypted content in ${stored.description}: add it after the first`
      : `WFLO_ENCRYPTION_KEYS has another key of the id ${id} than the one that encrypted content in ${stored.description}: give a new key a new id`;
  }
}

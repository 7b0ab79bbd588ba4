import type { KeyRing } from "../ports/key-ring.js";
import { seal, unseal } from "./cipher.js";

/** Before the base64 of sealed bytes, where a text stands for a text. */
const MARK = "wflo-sealed:";

export async function sealText(ring: KeyRing, clear: string, place: string): Promise<string> {
  const bytes = await seal(ring, Buffer.from(clear), place);
  return `${MARK}${Buffer.from(bytes).toString("base64")}`;
}

/** The clear text; one from before there was encryption is clear already. @throws Undecipherable */
export async function unsealText(ring: KeyRing, text: string, place: string): Promise<string> {
  if (!text.startsWith(MARK)) return text;
  return Buffer.from(await unseal(ring, Buffer.from(text.slice(MARK.length), "base64"), place)).toString();
}

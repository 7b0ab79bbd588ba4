import type { Payload, PayloadCodec } from "@temporalio/common";
import proto from "@temporalio/proto";
import type { KeyRing } from "../ports/key-ring.js";
import { decrypt, encrypt, keyFor, Undecipherable } from "./cipher.js";

const { Payload: PayloadProto } = proto.temporal.api.common.v1;

/** As Temporal's samples name it, in every language: their codecs read what this one writes, with the same key. */
const ENCRYPTED = "binary/encrypted";
const KEY_ID_MEMBER = "encryption-key-id";

/**
 * Encrypts every payload before it leaves for Temporal: its data is the nonce, the encrypted protobuf of the payload that it
 * stands for, and the tag; its metadata names the key.
 * @param unreadable `passed`: what no key has sealed goes on to the converter, which refuses it
 *   (`workflows/payload-converter.ts`); what a missing key has sealed is waited for all the same. @default thrown
 */
export function createPayloadCodec(ring: KeyRing, unreadable: "thrown" | "passed" = "thrown"): PayloadCodec {
  return {
    async encode(payloads) {
      const key = await ring.current();
      const metadata = { encoding: Buffer.from(ENCRYPTED), [KEY_ID_MEMBER]: Buffer.from(key.id) };
      return payloads.map((payload) => ({ metadata, data: encrypt(key, PayloadProto.encode(payload).finish()) }));
    },
    async decode(payloads) {
      const each = payloads.map(async (payload) => {
        return await decoded(ring, payload).catch((error: unknown) => {
          if (unreadable === "passed" && error instanceof Undecipherable && error.kind === "broken") {
            return asUnreadable(payload, error);
          }
          throw error;
        });
      });
      return await Promise.all(each);
    },
  };
}

/** No converter knows it. */
function asUnreadable({ data }: Payload, { message }: Undecipherable): Payload {
  const metadata = { encoding: Buffer.from("wflo/unreadable"), "wflo-problem": Buffer.from(message) };
  return { metadata, ...(data ? { data } : {}) };
}

async function decoded(ring: KeyRing, payload: Payload): Promise<Payload> {
  const { metadata, data } = payload;
  if (textOf(metadata?.encoding) !== ENCRYPTED) return payload;
  if (!data) throw new Undecipherable("broken", "a payload that says that it is encrypted has no data");
  const key = await keyFor(ring, textOf(metadata?.[KEY_ID_MEMBER]), "a payload");
  try {
    return PayloadProto.decode(decrypt(key, data));
  } catch (error) {
    if (error instanceof Undecipherable) throw error;
    throw new Undecipherable("broken", `what the encryption key ${key.id} has sealed is no payload`);
  }
}

function textOf(bytes: Uint8Array | null | undefined): string {
  return bytes ? Buffer.from(bytes).toString() : "";
}

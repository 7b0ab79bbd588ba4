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
 */
export function createPayloadCodec(ring: KeyRing): PayloadCodec {
  return {
    async encode(payloads) {
      const key = await ring.current();
      const metadata = { encoding: Buffer.from(ENCRYPTED), [KEY_ID_MEMBER]: Buffer.from(key.id) };
      return payloads.map((payload) => ({ metadata, data: encrypt(key, PayloadProto.encode(payload).finish()) }));
    },
    decode: async (payloads) => await Promise.all(payloads.map(async (payload) => await decoded(ring, payload))),
  };
}

async function decoded(ring: KeyRing, payload: Payload): Promise<Payload> {
  const { metadata, data } = payload;
  if (textOf(metadata?.encoding) !== ENCRYPTED) return payload;
  if (!data) throw new Undecipherable("broken", "a payload that says that it is encrypted has no data");
  const key = await keyFor(ring, textOf(metadata?.[KEY_ID_MEMBER]), "a payload");
  return PayloadProto.decode(decrypt(key, data));
}

function textOf(bytes: Uint8Array | null | undefined): string {
  return bytes ? Buffer.from(bytes).toString() : "";
}

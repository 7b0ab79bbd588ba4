import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import type { CheckSignature } from "../core/worker-audit.js";
import type { AuditKey } from "../ports/audit-key.js";

/** A key file that is none: the message names the file and says how to make one. */
export class WrongAuditKey extends Error {
  override readonly name = "WrongAuditKey";
}

/** Reads a private key: PEM, PKCS #8, Ed25519. @throws WrongAuditKey */
export function readAuditKey(path: string): AuditKey {
  const key = keyIn(path, createPrivateKey, "a private Ed25519 key", "openssl genpkey -algorithm ed25519 -out FILE");
  return { id: idOf(createPublicKey(key)), sign: (text) => sign(null, Buffer.from(text), key).toString("base64") };
}

/** Looks at signatures by the keys in these files; a private key's file counts as its public one. @throws WrongAuditKey */
export function readTrustedKeys(paths: readonly string[]): CheckSignature {
  const advice = "openssl pkey -in PRIVATE -pubout -out FILE";
  const keys = paths.map((path) => keyIn(path, createPublicKey, "a public Ed25519 key", advice));
  const byId = new Map(keys.map((key) => [idOf(key), key]));
  return (id, text, signature) => {
    const key = byId.get(id);
    if (!key) return "unknown key";
    return verify(null, Buffer.from(text), key, Buffer.from(signature, "base64")) ? "good" : "wrong";
  };
}

function keyIn(path: string, read: (pem: string) => KeyObject, what: string, advice: string): KeyObject {
  try {
    const key = read(readFileSync(path, "utf8"));
    if (key.asymmetricKeyType === "ed25519") return key;
    throw new Error(`it is of the type ${key.asymmetricKeyType}`);
  } catch (error) {
    throw new WrongAuditKey(`${path} is not ${what} in PEM: ${(error as Error).message}; make one with \`${advice}\``);
  }
}

function idOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("hex").slice(0, 16);
}

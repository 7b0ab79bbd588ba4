import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import type { JWK } from "jose";
import { claimsProblem, DECISION_TOKEN_TYPE, type DecisionSigner } from "../core/signed-decision.js";
import type { Deciders } from "../ports/deciders.js";

/** A key file that is none: the message names the file, and says what is accepted. */
export class WrongDecisionKey extends Error {
  override readonly name = "WrongDecisionKey";
}

/** By type and curve of the key, as RFC 7518 and RFC 8037 have them. */
const ALGORITHMS: Readonly<Record<string, string>> = {
  ed25519: "EdDSA",
  "ec prime256v1": "ES256",
  "ec secp384r1": "ES384",
  rsa: "PS256",
};
const ACCEPTED = "a private key in PEM: Ed25519, P-256, P-384 or RSA";

/** Signs decisions with a private key in PEM. @throws WrongDecisionKey */
export function readDecisionKey(path: string): DecisionSigner {
  const key = privateKeyIn(path);
  const alg = algorithmOf(key, path);
  return async (claims) => {
    const { CompactSign } = await jose();
    const payload = Buffer.from(JSON.stringify({ ...claims, iat: Math.floor(Date.now() / 1_000) }));
    return await new CompactSign(payload)
      .setProtectedHeader({ alg, kid: claims.sub, typ: DECISION_TOKEN_TYPE })
      .sign(key);
  };
}

/** Makes an Ed25519 key, for its owner's eyes only. @throws WrongDecisionKey where there is a file already, or none can be */
export function writeDecisionKey(path: string): void {
  const { privateKey } = generateKeyPairSync("ed25519");
  try {
    writeFileSync(path, privateKey.export({ type: "pkcs8", format: "pem" }), { flag: "wx", mode: 0o600 });
  } catch (error) {
    throw new WrongDecisionKey(`${path} can't be written: ${(error as Error).message}`);
  }
}

/** The public half of a private key's file, for the workers' file of approvers. @throws WrongDecisionKey */
export function publicDecisionKey(path: string, name: string): JWK {
  const key = privateKeyIn(path);
  const alg = algorithmOf(key, path);
  return { ...(createPublicKey(key).export({ format: "jwk" }) as JWK), kid: name, alg, use: "sig" };
}

/**
 * The keys of a JWK set (RFC 7517): `kid` is the name of who decides; one may have several.
 * @throws WrongDecisionKey for a file that is none, naming the entry
 */
export function readDeciders(path: string): Deciders & { readonly names: readonly string[] } {
  const keys = keysIn(path);
  return {
    names: [...new Set(keys.map(({ kid }) => kid))],
    async problemOf({ token, claims }) {
      const own = keys.filter(({ kid }) => kid === claims.sub);
      if (own.length === 0) return `no key of ${claims.sub} is known here`;
      for (const key of own) {
        const signed = await claimsSignedBy(key, token);
        if (signed) return claimsProblem(signed, claims);
      }
      return `no key of ${claims.sub} has signed it`;
    },
  };
}

/** What was signed with this key; undefined: it was not, or it is something else than a decision. */
async function claimsSignedBy(key: KnownKey, token: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { compactVerify, errors, importJWK } = await jose();
  try {
    const { payload, protectedHeader } = await compactVerify(token, await importJWK(key, key.alg), {
      algorithms: [key.alg],
    });
    const isOurs = protectedHeader.typ === DECISION_TOKEN_TYPE && protectedHeader.kid === key.kid;
    const claims: unknown = JSON.parse(Buffer.from(payload).toString("utf8"));
    return isOurs && typeof claims === "object" && claims !== null ? (claims as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof SyntaxError || error instanceof TypeError)
      return undefined;
    throw error;
  }
}

/** Loaded by whoever signs or checks, and by nobody else. */
async function jose(): Promise<typeof import("jose")> {
  return await import("jose");
}

type KnownKey = JWK & { readonly kid: string; readonly alg: string };

function keysIn(path: string): readonly KnownKey[] {
  let parsed: { readonly keys?: unknown } | null;
  try {
    parsed = JSON.parse(readFileSync(path, "utf8")) as { readonly keys?: unknown } | null;
  } catch (error) {
    throw new WrongDecisionKey(`${path} can't be read as JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(parsed?.keys)) throw new WrongDecisionKey(`${path} must be a JWK set: {"keys":[…]}`);
  return parsed.keys.map((entry: unknown, index) => knownKey(entry, `${path}: keys[${index}]`));
}

function knownKey(entry: unknown, at: string): KnownKey {
  const jwk = (entry ?? {}) as JWK;
  if (typeof jwk.kid !== "string" || jwk.kid === "") throw new WrongDecisionKey(`${at}.kid must be a person's name`);
  if (jwk.d !== undefined || jwk.k !== undefined) {
    throw new WrongDecisionKey(`${at} is a secret key: workers need the public half alone`);
  }
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
  } catch (error) {
    throw new WrongDecisionKey(`${at} is no public key: ${(error as Error).message}`);
  }
  const usual = algorithmOf(key, at);
  const alg = jwk.alg ?? usual;
  const fitting = usual === "PS256" ? ["PS256", "RS256"] : [usual];
  if (!fitting.includes(alg)) throw new WrongDecisionKey(`${at}.alg must be ${fitting.join(" or ")}`);
  return { ...jwk, kid: jwk.kid, alg };
}

function privateKeyIn(path: string): KeyObject {
  try {
    return createPrivateKey(readFileSync(path, "utf8"));
  } catch (error) {
    throw new WrongDecisionKey(`${path} is not ${ACCEPTED}: ${(error as Error).message}`);
  }
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, at: string): string {
  const type: string = asymmetricKeyType ?? "";
  const algorithm = ALGORITHMS[type === "ec" ? `ec ${asymmetricKeyDetails?.namedCurve}` : type];
  if (algorithm === undefined) throw new WrongDecisionKey(`${at}: ${ACCEPTED}, not ${type}`);
  return algorithm;
}

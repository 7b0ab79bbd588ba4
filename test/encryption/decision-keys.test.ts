import { createHmac, generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { CompactSign } from "jose";
import type { DecisionClaims } from "../../core/signed-decision.js";
import { publicDecisionKey, readDeciders, readDecisionKey, writeDecisionKey } from "../../encryption/decision-keys.js";
import { WrongSettings } from "../../workers/config.js";
import { openDeciders } from "../../workers/deciders.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-decision-keys-"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

const claims: DecisionClaims = {
  sub: "ana@example.com",
  run: "run-1",
  firstRunId: "first",
  gate: "g1",
  decision: "approve",
  digest: `sha256:${"a".repeat(64)}`,
  comment: "gern – ünïcode",
};

let made = 0;
const KINDS = {
  Ed25519: () => generateKeyPairSync("ed25519").privateKey,
  "P-256": () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  "P-384": () => generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey,
  RSA: () => generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey,
};

/** A private key's file. */
async function keyFile(kind: keyof typeof KINDS = "Ed25519"): Promise<string> {
  made += 1;
  const path = join(folder, `${made}.pem`);
  await writeFile(path, KINDS[kind]().export({ type: "pkcs8", format: "pem" }));
  return path;
}

async function setOf(keys: unknown): Promise<string> {
  made += 1;
  const path = join(folder, `${made}.json`);
  await writeFile(path, typeof keys === "string" ? keys : JSON.stringify({ keys }));
  return path;
}

describe("a decision counts", () => {
  test.each(Object.keys(KINDS))("where its decider's key has signed it: %s", async (kind) => {
    const own = await keyFile(kind as keyof typeof KINDS);
    const deciders = readDeciders(await setOf([publicDecisionKey(own, claims.sub)]));
    const token = await readDecisionKey(own)(claims);
    expect(await deciders.problemOf({ token, claims })).toBeUndefined();
  });

  test("with any of the keys that one person has, and with no other person's", async () => {
    const [first, second, bens] = [await keyFile(), await keyFile("P-256"), await keyFile()];
    const keys = [
      publicDecisionKey(first, claims.sub),
      publicDecisionKey(second, claims.sub),
      publicDecisionKey(bens, "ben"),
    ];
    const deciders = readDeciders(await setOf(keys));
    for (const path of [first, second]) {
      expect(await deciders.problemOf({ token: await readDecisionKey(path)(claims), claims })).toBeUndefined();
    }
    const token = await readDecisionKey(bens)(claims);
    expect(await deciders.problemOf({ token, claims })).toBe("no key of ana@example.com has signed it");
    const stranger = { ...claims, sub: "eve" };
    expect(await deciders.problemOf({ token: await readDecisionKey(bens)(stranger), claims: stranger })).toBe(
      "no key of eve is known here",
    );
  });
});

describe("it does not count", () => {
  const others: readonly (readonly [keyof DecisionClaims, unknown])[] = [
    ["run", "run-2"],
    ["firstRunId", "second"],
    ["gate", "g2"],
    ["decision", "reject"],
    ["digest", `sha256:${"b".repeat(64)}`],
    ["args", { to: "elsewhere" }],
    ["comment", "no"],
    ["comment", undefined],
  ];
  test.each(others)("where another %s was signed (%p)", async (name, value) => {
    const own = await keyFile();
    const deciders = readDeciders(await setOf([publicDecisionKey(own, claims.sub)]));
    const token = await readDecisionKey(own)({ ...claims, [name]: value } as DecisionClaims);
    expect(await deciders.problemOf({ token, claims })).toMatch(
      new RegExp(`^its ${name} is .*, and the decision's is `),
    );
  });

  test("and its words stay short, however much was signed", async () => {
    const own = await keyFile();
    const deciders = readDeciders(await setOf([publicDecisionKey(own, claims.sub)]));
    const token = await readDecisionKey(own)({ ...claims, comment: "x".repeat(16_000) });
    expect((await deciders.problemOf({ token, claims }))?.length).toBeLessThan(500);
  });

  test("where a bit of it was changed, or the signature was left out", async () => {
    const own = await keyFile();
    const deciders = readDeciders(await setOf([publicDecisionKey(own, claims.sub)]));
    const [header = "", payload = "", signature = ""] = (await readDecisionKey(own)(claims)).split(".");
    const wrong = [
      `${header}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`,
      `${header}.${payload.startsWith("f") ? "e" : "f"}${payload.slice(1)}.${signature}`,
      `${header}.${payload}.AAAA`,
      "a.b.c",
    ];
    for (const token of wrong) {
      expect(await deciders.problemOf({ token, claims })).toBe("no key of ana@example.com has signed it");
    }
  });

  test("where it is another kind of JWT, is made with `none`, or with the public key as a secret", async () => {
    const path = await keyFile();
    const jwk = publicDecisionKey(path, claims.sub);
    const deciders = readDeciders(await setOf([jwk]));
    const key = (await import("node:crypto")).createPrivateKey(await readFile(path, "utf8"));
    const body = Buffer.from(JSON.stringify(claims));
    const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const idToken = await new CompactSign(body)
      .setProtectedHeader({ alg: "EdDSA", kid: claims.sub, typ: "JWT" })
      .sign(key);
    const unsigned = `${encoded({ alg: "none", kid: claims.sub, typ: "wflo-decision+jwt" })}.${encoded(claims)}.AA`;
    const start = `${encoded({ alg: "HS256", kid: claims.sub, typ: "wflo-decision+jwt" })}.${encoded(claims)}`;
    const hmac = `${start}.${createHmac("sha256", Buffer.from(jwk.x ?? "", "base64url"))
      .update(start)
      .digest("base64url")}`;
    for (const token of [idToken, unsigned, hmac]) {
      expect(await deciders.problemOf({ token, claims })).toBe("no key of ana@example.com has signed it");
    }
  });
});

describe("a file that is none is named, with what is accepted:", () => {
  const sets: readonly (readonly [string, unknown, RegExp])[] = [
    ["no JSON", "keys", /can't be read as JSON/],
    ["no set", '{"key":1}', /must be a JWK set/],
    ["null", "null", /must be a JWK set/],
    ["no name", [{ kty: "OKP", crv: "Ed25519", x: "AA" }], /keys\[0\]\.kid must be a person's name/],
    ["a secret", [{ kid: "ana", kty: "oct", k: "c2VjcmV0" }], /keys\[0\] is a secret key/],
    ["no key", [{ kid: "ana", kty: "OKP", crv: "Ed25519", x: "AA" }], /keys\[0\] is no public key/],
    ["not an object", [null], /keys\[0\]\.kid/],
  ];
  test.each(sets)("a set with %s", async (_name, keys, says) => {
    const path = await setOf(keys);
    expect(() => readDeciders(path)).toThrow(says);
    expect(() => readDeciders(path)).toThrow(path);
  });

  test("by a worker, with the setting's name", async () => {
    const approverKeysFile = await setOf("keys");
    expect(() => openDeciders({ approverKeysFile })).toThrow(WrongSettings);
    expect(() => openDeciders({ approverKeysFile })).toThrow(/WFLO_APPROVER_KEYS: \S+json can't be read as JSON/);
  });

  test("a set with an algorithm that is not the key's", async () => {
    const jwk = publicDecisionKey(await keyFile(), "ana");
    const path = await setOf([{ ...jwk, alg: "RS256" }]);
    expect(() => readDeciders(path)).toThrow(/keys\[0\]\.alg must be EdDSA/);
  });

  test("a private key that is not there, or is something else", async () => {
    expect(() => readDecisionKey(join(folder, "none.pem"))).toThrow(/none\.pem is not a private key in PEM: .*ENOENT/);
    const x25519 = join(folder, "x25519.pem");
    await writeFile(x25519, generateKeyPairSync("x25519").privateKey.export({ type: "pkcs8", format: "pem" }));
    expect(() => readDecisionKey(x25519)).toThrow(/x25519\.pem: a private key in PEM: Ed25519, .*, not x25519/);
  });
});

test("a key that is made is its owner's alone, and never takes the place of another", async () => {
  const path = join(folder, "made.pem");
  writeDecisionKey(path);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const before = await readFile(path, "utf8");
  expect(() => writeDecisionKey(path)).toThrow(/EEXIST/);
  expect(await readFile(path, "utf8")).toBe(before);
  expect(publicDecisionKey(path, "ana")).toEqual({
    kty: "OKP",
    crv: "Ed25519",
    x: expect.stringMatching(/^[\w-]{43}$/),
    kid: "ana",
    alg: "EdDSA",
    use: "sig",
  });
});

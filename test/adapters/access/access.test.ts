import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { anyOf } from "../../../adapters/access/any-of.js";
import { createOidcAccess } from "../../../adapters/access/oidc.js";
import { oneToken } from "../../../adapters/access/one-token.js";
import { readTokenFile } from "../../../adapters/access/token-file.js";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-access-"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

describe("a file of tokens", () => {
  const fileOf = async (content: unknown) => {
    const path = join(folder, "tokens.json");
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  };

  test("says who a token belongs to, and nobody else's", async () => {
    const tokens = [
      { name: "grafana", role: "viewer", sha256: sha256("t-1") },
      { name: "ana", role: "operator", sha256: sha256("t-2").toUpperCase() },
    ];
    const access = readTokenFile(await fileOf({ tokens }));
    expect(await access.identify("t-2")).toEqual({ name: "ana", role: "operator" });
    for (const wrong of ["", "t-3", sha256("t-2"), "T-2"]) expect(await access.identify(wrong)).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ["can't be read as JSON", "{"],
    ['must be {"tokens":[…]}', []],
    ["tokens[0].name must be a word", { tokens: [{}] }],
    ["tokens[0].role must be one of viewer, approver, operator", { tokens: [{ name: "a", role: "admin" }] }],
    ["tokens[0].sha256 must be 64 hexadecimal digits", { tokens: [{ name: "a", role: "viewer", sha256: "t-1" }] }],
  ])("is told what is wrong in it: %s", async (problem, content) => {
    const path = await fileOf(content);
    expect(() => readTokenFile(path)).toThrow(problem);
  });
});

describe("an issuer", () => {
  let server: Server;
  let issuer = "";
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;
  let others: typeof keys;
  beforeAll(async () => {
    keys = await generateKeyPair("ES256");
    others = await generateKeyPair("ES256");
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "ES256", use: "sig" };
    server = createServer((request, response) => {
      const discovery = { issuer, jwks_uri: `${issuer}/keys` };
      response.end(JSON.stringify(request.url === "/keys" ? { keys: [jwk] } : discovery));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  interface Changed {
    readonly claims?: object;
    readonly audience?: string;
    readonly issuer?: string;
    readonly expires?: string;
    readonly key?: typeof keys.privateKey;
  }
  const token = async ({
    claims = {},
    audience = "wflo",
    issuer: by = issuer,
    expires = "5m",
    key = keys.privateKey,
  }: Changed = {}) =>
    await new SignJWT({ sub: "u1", roles: ["approver"], ...claims })
      .setProtectedHeader({ alg: "ES256", kid: "k1" })
      .setIssuer(by)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(expires)
      .sign(key);
  const access = (rolesClaim = "roles") => createOidcAccess({ issuer, audience: "wflo", rolesClaim });

  test("says who its token belongs to: a verified address, a name, or the subject", async () => {
    expect(await access().identify(await token())).toEqual({ name: "u1", role: "approver" });
    const named = { preferred_username: "ana", email: "ana@example.com" };
    expect(await access().identify(await token({ claims: named }))).toEqual({ name: "ana", role: "approver" });
    const verified = { ...named, email_verified: true };
    expect(await access().identify(await token({ claims: verified }))).toEqual({
      name: "ana@example.com",
      role: "approver",
    });
  });

  test("has roles where its tokens have them", async () => {
    const claims = { roles: undefined, realm_access: { roles: ["x", "operator"] }, scope: "openid viewer" };
    expect(await access("realm_access.roles").identify(await token({ claims }))).toMatchObject({ role: "operator" });
    expect(await access("scope").identify(await token({ claims }))).toMatchObject({ role: "viewer" });
    expect(await access("roles").identify(await token({ claims }))).toBeUndefined();
    expect(await access("constructor.name").identify(await token({ claims }))).toBeUndefined();
  });

  test.each<[string, () => Promise<string>]>([
    ["another audience", async () => await token({ audience: "other" })],
    ["another issuer", async () => await token({ issuer: "https://evil.example" })],
    ["a key of somebody else", async () => await token({ key: others.privateKey })],
    ["a day that is over", async () => await token({ expires: "-5m" })],
    ["no role of ours", async () => await token({ claims: { roles: ["admin"] } })],
    ["no signature", async () => (await token()).replace(/\.[^.]+$/, ".")],
    [
      "an algorithm none",
      async () => `${Buffer.from('{"alg":"none"}').toString("base64url")}.${(await token()).split(".")[1]}.x`,
    ],
    ["the public key as a secret", async () => await forgedWithPublicKey()],
    ["other words", async () => "t-1"],
  ])("takes no token with %s", async (_what, make) => {
    expect(await access().identify(await make())).toBeUndefined();
  });

  /** The old attack: HMAC with what everybody knows. */
  async function forgedWithPublicKey(): Promise<string> {
    const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(keys.publicKey)));
    return await new SignJWT({ sub: "u1", roles: ["operator"] })
      .setProtectedHeader({ alg: "HS256", kid: "k1" })
      .setIssuer(issuer)
      .setAudience("wflo")
      .setExpirationTime("5m")
      .sign(secret);
  }

  test("that is away, or is another one, is an error and no answer; it is asked again the next time", async () => {
    const away = createOidcAccess({ issuer: "http://127.0.0.1:1", audience: "wflo", rolesClaim: "roles" });
    await expect(away.identify(await token())).rejects.toThrow();
    const other = createOidcAccess({ issuer: `${issuer}/`, audience: "wflo", rolesClaim: "roles" });
    await expect(other.identify(await token())).rejects.toThrow(/no discovery document of the issuer/);
  });

  test("and others say together who it is", async () => {
    const together = anyOf([oneToken("t-0123456789abcdef", "operator"), access()]);
    expect(await together.identify("t-0123456789abcdef")).toMatchObject({ role: "operator" });
    expect(await together.identify(await token())).toMatchObject({ name: "u1" });
    expect(await together.identify("nobody")).toBeUndefined();
  });
});

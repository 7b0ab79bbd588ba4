import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Client, Connection } from "@temporalio/client";
import { defaultPayloadConverter } from "@temporalio/common";
import { oneToken } from "../../adapters/access/one-token.js";
import { type CodecServer, startCodecServer } from "../../encryption/codec-server.js";
import { clientConverter } from "../../encryption/data-converter.js";
import { createKeyRing } from "../../encryption/key-ring.js";
import { createPayloadCodec } from "../../encryption/payload-codec.js";
import { findTemporalCli } from "../../workers/tool-finder.js";
import { start, wflo } from "../cli/command-line.js";
import { temporalAddress } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";

const run = promisify(execFile);
const keys = [{ id: "k1", secret: randomBytes(32) }];
const codec = createPayloadCodec(createKeyRing(keys));
const token = randomBytes(24).toString("hex");
const UI = "http://localhost:8233";
let server: CodecServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  server ??= await startCodecServer({
    codec,
    access: oneToken(token, "operator"),
    origins: [UI],
    port: 0,
    host: "127.0.0.1",
  });
  return await fetch(`${server.url}${path}`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
}

const authorized = { authorization: `Bearer ${token}` };

async function encoded(value: unknown): Promise<object> {
  const payload = defaultPayloadConverter.toPayload(value);
  const clear = { metadata: { encoding: Buffer.from("json/plain").toString("base64") }, data: base64(payload.data) };
  return (await (await post("/encode", { payloads: [clear] }, authorized)).json()) as object;
}

function base64(bytes: Uint8Array | null | undefined): string {
  return Buffer.from(bytes ?? []).toString("base64");
}

test("whoever has the token reads, below a namespace as well; what it encodes is encrypted", async () => {
  const sealed = await encoded({ a: "secret" });
  expect(Buffer.from(JSON.stringify(sealed)).includes(base64(Buffer.from("secret")).slice(0, 6))).toBe(false);
  for (const path of ["/decode", "/default/decode"]) {
    const { payloads } = (await (await post(path, sealed, authorized)).json()) as { payloads: { data: string }[] };
    expect(Buffer.from(payloads[0]?.data ?? "", "base64").toString()).toBe('{"a":"secret"}');
  }
});

test("a viewer may have things decrypted, and not encrypted", async () => {
  const sealed = await encoded("secret");
  await server?.close();
  const access = oneToken(token, "viewer");
  server = await startCodecServer({ codec, access, origins: [UI], port: 0, host: "127.0.0.1" });
  expect((await post("/decode", sealed, authorized)).status).toBe(200);
  const refused = await post("/encode", { payloads: [] }, authorized);
  expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining("is a viewer")]);
});

describe("nobody else does:", () => {
  test.each<[string, Record<string, string>, number]>([
    ["no token", {}, 401],
    ["a wrong token", { authorization: "Bearer nope" }, 401],
    ["a token of the right length", { authorization: `Bearer ${"0".repeat(token.length)}` }, 401],
    ["another scheme", { authorization: `Basic ${token}` }, 401],
    ["a wrong cookie", { cookie: "wflo_codec=nope" }, 401],
    ["a cookie that is no text", { cookie: "wflo_codec=%E0%A4%A" }, 401],
    ["the token from a page of elsewhere", { ...authorized, origin: "https://evil.example" }, 403],
    ["the token from a page with no origin", { ...authorized, origin: "null" }, 403],
  ])("%s", async (_, headers, status) => {
    const sealed = await encoded("secret");
    const response = await post("/decode", sealed, headers);
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([status, null]);
    expect(await response.text()).not.toContain("payloads");
  });

  test("an address that has guessed ten times is not heard, even with the token", async () => {
    for (let count = 0; count < 10; count += 1) {
      expect((await post("/decode", { payloads: [] }, { authorization: `Bearer guess ${count}` })).status).toBe(401);
    }
    expect((await post("/decode", { payloads: [] }, authorized)).status).toBe(429);
    expect((await post("/", "token=guess")).status).toBe(429);
  });
});

test("a page of the Web UI may ask, with the cookie that the log-in sets", async () => {
  const sealed = await encoded("secret");
  const preflight = await fetch(`${server?.url}/decode`, { method: "OPTIONS", headers: { origin: UI } });
  expect(preflight.headers.get("access-control-allow-origin")).toBe(UI);
  expect(preflight.headers.get("access-control-allow-credentials")).toBe("true");
  const page = await fetch(`${server?.url}/`);
  expect(await page.text()).toContain('name="token"');
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const login = await post("/", `token=${token}`, form);
  const cookie = login.headers.get("set-cookie") ?? "";
  expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
  const answer = await post("/decode", sealed, { origin: UI, cookie: cookie.split(";")[0] ?? "" });
  expect(answer.status).toBe(200);
  expect((await post("/", "token=wrong", form)).headers.get("set-cookie")).toBeNull();
});

test.each<[string, string, unknown, number, RegExp]>([
  ["no JSON", "/decode", "{", 400, /the body has to be JSON/],
  ["no payloads", "/decode", {}, 400, /the body has to be JSON/],
  ["payloads that are none", "/decode", { payloads: [null] }, 400, /the body has to be JSON/],
  [
    "metadata that is no text",
    "/decode",
    { payloads: [{ metadata: { encoding: 1 } }] },
    400,
    /the body has to be JSON/,
  ],
  ["a body of 17 MiB", "/decode", "x".repeat(17 * 1024 * 1024), 413, /at most 16777216 bytes/],
  ["another path", "/etc/passwd", {}, 404, /there are \/decode and \/encode/],
  [
    "a key that is not there",
    "/decode",
    {
      payloads: [
        { metadata: { encoding: btoa("binary/encrypted"), "encryption-key-id": btoa("k9") }, data: btoa("x") },
      ],
    },
    400,
    /the key "k9", which is not there/,
  ],
  [
    "what is too short to be encrypted",
    "/decode",
    {
      payloads: [
        { metadata: { encoding: btoa("binary/encrypted"), "encryption-key-id": btoa("k1") }, data: btoa("x") },
      ],
    },
    400,
    /is not what the encryption key k1 has sealed/,
  ],
])("bad input: %s", async (_, path, body, status, words) => {
  const response = await post(path, body, authorized);
  expect(response.status).toBe(status);
  expect(await response.text()).toMatch(words);
});

test("the temporal command shows a run's input through it", async () => {
  const connection = await Connection.connect({ address: temporalAddress() });
  const client = new Client({ connection, dataConverter: clientConverter(createKeyRing(keys)) });
  const workflowId = `codec-${randomBytes(6).toString("hex")}`;
  await client.workflow.start("agentRun", { taskQueue: workflowId, workflowId, args: [{ input: "the secret" }] });
  await post("/decode", { payloads: [] }, authorized);
  const cli = await findTemporalCli({ report: () => undefined });
  const show = async (...more: string[]) =>
    (
      await run(cli.path, [
        ...["workflow", "show", "--address", temporalAddress(), "--workflow-id", workflowId, "--output", "json"],
        ...more,
      ])
    ).stdout;
  const through = ["--codec-endpoint", server?.url ?? "", "--codec-auth", `Bearer ${token}`];
  const input = base64(Buffer.from('{"input":"the secret"}'));
  expect(await show(...through)).toContain(input);
  expect(await show()).not.toContain(input);
  await client.workflow.getHandle(workflowId).terminate("seen");
  await connection.close();
}, 30_000);

describe("wflo codec-server", () => {
  const environment = { WFLO_ENCRYPTION_KEYS: `k1:${base64(keys[0]?.secret)}` };

  test("serves until it is interrupted, and shows a token that it made", async () => {
    const working = start(["codec-server", "--port", "0"], undefined, { environment });
    await eventually(() => expect(working.stderr()).toMatch(/token: \S{32}/));
    const url = /decrypting on (\S+)/.exec(working.stderr())?.[1];
    const made = /token: (\S+)/.exec(working.stderr())?.[1];
    const ask = async (bearer = "wrong") =>
      await fetch(`${url}/decode`, {
        method: "POST",
        body: '{"payloads":[]}',
        headers: { authorization: `Bearer ${bearer}` },
      });
    expect([(await ask(made)).status, (await ask()).status]).toEqual([200, 401]);
    working.interrupt();
    expect((await working.ended).exitCode).toBe(0);
  });

  test.each<[string, string[], NodeJS.ProcessEnv, RegExp]>([
    ["without keys", [], {}, /nothing is encrypted: WFLO_ENCRYPTION_KEYS is not set/],
    ["with a short token", [], { ...environment, WFLO_CODEC_TOKEN: "short" }, /less than 16 characters/],
    ["with a wrong port", ["--port", "70000"], environment, /--port/],
    ["with a wrong origin", ["--origin", "everyone"], environment, /--origin/],
  ])("%s is refused", async (_, args, variables, words) => {
    const ended = await wflo(["codec-server", ...args], undefined, { environment: variables });
    expect([ended.exitCode, ended.stderr]).toEqual([2, expect.stringMatching(words)]);
  });
});

import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createLogger } from "../../adapters/pino/logger.js";
import { publicDecisionKey } from "../../encryption/decision-keys.js";
import { readConfig } from "../../workers/config.js";
import { diagnose } from "../../workers/doctor.js";
import { checkEncryptionKeys } from "../../workers/encryption-marks.js";
import { openStores } from "../../workers/stores.js";
import { temporalAddress } from "../harness/environment.js";

let folder: string;
let receiver: Server | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-doctor-"));
});
afterEach(async () => {
  receiver?.closeAllConnections();
  receiver?.close();
  receiver = undefined;
  await rm(folder, { recursive: true, force: true });
});

const environment = (more: NodeJS.ProcessEnv) => ({
  PATH: process.env.PATH,
  WFLO_CACHE_DIR: process.env.WFLO_CACHE_DIR,
  TEMPORAL_ADDRESS: temporalAddress(),
  WFLO_SANDBOX: "none",
  ...more,
});

async function check(name: string, more: NodeJS.ProcessEnv = {}) {
  const logger = createLogger({ level: "silent" });
  const checks = await diagnose(readConfig(environment(more), folder), logger, { fix: false });
  return checks.find((one) => one.name === name);
}

const key = (letter: string) => Buffer.alloc(32, letter).toString("base64");

describe("the doctor looks at", () => {
  test("the clock, against the server's", async () => {
    expect(await check("clock")).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^\d+ ms (behind|ahead of) the server's$/),
    });
  }, 30_000);

  test("the prices' age", async () => {
    expect(await check("prices")).toMatchObject({ detail: expect.stringMatching(/^genai-prices@.*, \d+ days old$/) });
    const models = [{ id: "m", match: { equals: "m" }, prices: { input_mtok: 1, output_mtok: 2 } }];
    const old = { takenAt: "2020-01-01T00:00:00Z", from: "a test", providers: [{ id: "openai", models }] };
    await writeFile(join(folder, "old.json"), JSON.stringify(old));
    expect(await check("prices", { WFLO_PRICE_CATALOGUE: "old.json" })).toMatchObject({
      ok: false,
      fix: expect.stringContaining("wflo prices refresh"),
    });
  }, 30_000);

  test("the keys: which ones there are, and which one is missing", async () => {
    expect(await check("keys")).toMatchObject({
      ok: true,
      detail: "nothing is encrypted; the audit log is not signed",
    });
    const { privateKey } = generateKeyPairSync("ed25519");
    await writeFile(join(folder, "audit.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
    const one = { WFLO_ENCRYPTION_KEYS: `one:${key("a")}`, WFLO_AUDIT_KEY: "audit.pem" };
    const config = readConfig(environment(one), folder);
    const stores = openStores(config);
    await checkEncryptionKeys(stores.stored, config.keyRing);
    await stores.close();
    expect(await check("keys", one)).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^the key one encrypts; the key \S+ signs the audit log$/),
    });
    const jwk = publicDecisionKey(join(folder, "audit.pem"), "ana");
    await writeFile(join(folder, "approvers.json"), JSON.stringify({ keys: [jwk, { ...jwk, kid: "ben" }, jwk] }));
    expect(await check("keys", { ...one, WFLO_APPROVER_KEYS: "approvers.json" })).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/; decisions may be signed by ana, ben$/),
    });
    expect(await check("keys", { ...one, WFLO_APPROVER_KEYS: "audit.pem" })).toMatchObject({
      ok: false,
      detail: expect.stringContaining("can't be read as JSON"),
    });
    expect(await check("keys", { WFLO_ENCRYPTION_KEYS: `two:${key("b")}` })).toMatchObject({
      ok: false,
      detail: expect.stringContaining("lacks the key one"),
    });
    expect(await check("keys")).toMatchObject({ ok: false, detail: expect.stringContaining("is not set") });
  }, 60_000);

  test("where spans go to", async () => {
    expect(await check("traces")).toMatchObject({ ok: true, detail: expect.stringContaining("nobody is told") });
    receiver = createServer((request, response) => {
      request.resume().on("end", () => response.writeHead(request.url === "/v1/traces" ? 200 : 404).end());
    });
    await new Promise<void>((resolve) => receiver?.listen(0, "127.0.0.1", resolve));
    const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = endpoint;
    expect(await check("traces", { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).toMatchObject({ ok: true });
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `${endpoint}/elsewhere`;
    expect(await check("traces", { OTEL_EXPORTER_OTLP_ENDPOINT: `${endpoint}/elsewhere` })).toMatchObject({
      ok: false,
    });
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  }, 60_000);
});

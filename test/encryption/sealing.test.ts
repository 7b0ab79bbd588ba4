import { createCipheriv, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { ApplicationFailure, defaultPayloadConverter } from "@temporalio/common";
import proto from "@temporalio/proto";
import { createMemoryEventLog } from "../../adapters/memory/event-log.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import { seal, unseal } from "../../encryption/cipher.js";
import { clientConverter } from "../../encryption/data-converter.js";
import { encryptedEventLog } from "../../encryption/event-log.js";
import { createKeyRing, keyRingOf, readKeys } from "../../encryption/key-ring.js";
import { encryptedObjectStore } from "../../encryption/object-store.js";
import { createPayloadCodec } from "../../encryption/payload-codec.js";
import type { KeyRing } from "../../ports/key-ring.js";
import { payloadConverter } from "../../workflows/payload-converter.js";
import { temporaryFolders } from "../harness/folder.js";
import { all } from "../harness/taking.js";

const [k1, k2] = [
  { id: "k1", secret: randomBytes(32) },
  { id: "k2", secret: randomBytes(32) },
] as const;
const ring = createKeyRing([k1]);
const clear = Buffer.from("a secret of some length");
const base64 = (bytes: number) => randomBytes(bytes).toString("base64");

describe("keys", () => {
  test("the first encrypts, all decrypt", async () => {
    const old = await seal(ring, clear, "here");
    const both = createKeyRing([k2, k1]);
    expect(Buffer.from(await unseal(both, old, "here"))).toEqual(clear);
    await expect(unseal(ring, await seal(both, clear, "here"), "here")).rejects.toThrow(
      /the key "k2", which is not there/,
    );
  });

  test.each<[string, string, RegExp]>([
    ["no colon", "abc", /key 1 has no colon/],
    ["an empty id", `:${base64(32)}`, /key 1 has an id that is not/],
    ["an id with a slash", `a/b:${base64(32)}`, /key 1 has an id that is not/],
    ["an id of 65 letters", `${"a".repeat(65)}:${base64(32)}`, /has an id that is not/],
    ["a key of 16 bytes", `a:${base64(16)}`, /the key a is not 32 bytes in base64/],
    ["a key of 33 bytes", `a:${base64(33)}`, /the key a is not 32 bytes/],
    ["a key in hex", `a:${randomBytes(32).toString("hex")}`, /the key a is not 32 bytes/],
    ["an empty key", "a:", /the key a is not 32 bytes/],
    ["one id twice", `a:${base64(32)},a:${base64(32)}`, /two keys have the id a/],
    ["a comma at the end", `a:${base64(32)},`, /key 2 has no colon/],
  ])("with %s are refused, and not shown", (_, text, problem) => {
    const read = readKeys(text);
    expect(read).toEqual({ problem: expect.stringMatching(problem) });
    const secret = text.split(/[:,]/)[1];
    if (secret) expect(JSON.stringify(read)).not.toContain(secret);
  });

  test("in base64url and with spaces around are taken", () => {
    expect(readKeys(` a : ${randomBytes(32).toString("base64url")} , b:${base64(32)}`)).toMatchObject([
      { id: "a" },
      { id: "b" },
    ]);
  });
});

describe("a module of keys", () => {
  const newFolder = temporaryFolders();

  test("gives those of a key management service", async () => {
    const file = join(await newFolder(), "keys.mjs");
    const key = `{ id: "kms-1", secret: Buffer.alloc(32, 7) }`;
    await writeFile(
      file,
      `export const keyRing = { current: async () => (${key}), find: async (id) => id === "kms-1" ? ${key} : undefined };`,
    );
    const ring = keyRingOf({ WFLO_KEY_RING: file }, "/") as KeyRing;
    expect(Buffer.from(await unseal(ring, await seal(ring, clear, "here"), "here"))).toEqual(clear);
    expect(await ring.find("other")).toBeUndefined();
  });

  test("that exports none is told with its name", async () => {
    const folder = await newFolder();
    await writeFile(join(folder, "keys.mjs"), "export const keys = [];");
    const ring = keyRingOf({ WFLO_KEY_RING: "keys.mjs" }, folder) as KeyRing;
    await expect(ring.current()).rejects.toThrow(
      /keys\.mjs \(WFLO_KEY_RING\) exports no keyRing with the methods current and find/,
    );
  });
});

describe("what is sealed", () => {
  test("shows nothing of what it was, nor that two are the same", async () => {
    const [one, two] = [await seal(ring, clear, "here"), await seal(ring, clear, "here")];
    expect(Buffer.from(one).includes("secret")).toBe(false);
    expect(one).not.toEqual(two);
  });

  test("is refused where a single bit of it was changed, where it is cut, and anywhere else", async () => {
    const sealed = Buffer.from(await seal(ring, clear, "here"));
    // What says that it is sealed, and by which key, aside.
    for (let at = 8; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(unseal(ring, changed, "here")).rejects.toMatchObject({ kind: "broken" });
    }
    for (const length of [9, 20, 35, sealed.length - 1]) {
      await expect(unseal(ring, sealed.subarray(0, length), "here")).rejects.toMatchObject({ kind: "broken" });
    }
    await expect(unseal(ring, sealed, "there")).rejects.toMatchObject({ kind: "broken" });
  });

  test("from before there was encryption is read as it is", async () => {
    expect(await unseal(ring, clear, "here")).toEqual(clear);
    const codec = createPayloadCodec(ring);
    const payload = defaultPayloadConverter.toPayload("clear");
    expect(await codec.decode([payload])).toEqual([payload]);
  });
});

describe("a payload", () => {
  const { Payload } = proto.temporal.api.common.v1;

  test("is written as Temporal's samples of codecs write it, and theirs is read", async () => {
    const [codec, payload] = [createPayloadCodec(ring), defaultPayloadConverter.toPayload({ a: "secret" })];
    const [encoded] = await codec.encode([payload]);
    expect(Buffer.from(encoded?.metadata?.encoding ?? []).toString()).toBe("binary/encrypted");
    expect(Buffer.from(encoded?.metadata?.["encryption-key-id"] ?? []).toString()).toBe("k1");
    const [decoded] = await codec.decode(encoded ? [encoded] : []);
    expect(defaultPayloadConverter.fromPayload(decoded ?? {})).toEqual({ a: "secret" });
    // The sample's recipe, written out: nonce, AES-256-GCM of the payload's protobuf, tag; nothing else authenticated.
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", k1.secret, nonce);
    const body = [nonce, cipher.update(Payload.encode(payload).finish()), cipher.final(), cipher.getAuthTag()];
    const metadata = { encoding: Buffer.from("binary/encrypted"), "encryption-key-id": Buffer.from("k1") };
    const [theirs] = await codec.decode([{ metadata, data: Buffer.concat(body) }]);
    expect(defaultPayloadConverter.fromPayload(theirs ?? {})).toEqual({ a: "secret" });
  });

  test("that was changed, or has another key, is told as such", async () => {
    const codec = createPayloadCodec(ring);
    const [encoded] = await createPayloadCodec(createKeyRing([{ id: "k1", secret: k2.secret }])).encode([
      { data: clear },
    ]);
    await expect(codec.decode(encoded ? [encoded] : [])).rejects.toMatchObject({ kind: "broken" });
    const [other] = await createPayloadCodec(createKeyRing([k2])).encode([{ data: clear }]);
    await expect(codec.decode(other ? [other] : [])).rejects.toThrow(
      /"k2", which is not there; add it to WFLO_ENCRYPTION_KEYS/,
    );
  });

  test("that no key has sealed goes on to a workflow as something to refuse, and one of a missing key is waited for", async () => {
    const codec = createPayloadCodec(ring, "passed");
    const metadata = { encoding: Buffer.from("binary/encrypted"), "encryption-key-id": Buffer.from("k1") };
    const [garbage] = await codec.decode([{ metadata, data: randomBytes(64) }]);
    const context = { type: "workflow", namespace: "default", workflowId: "w" } as const;
    const problem = expect.stringMatching(/is not what the encryption key k1 has sealed/);
    expect(payloadConverter.fromPayload(garbage ?? {}, context)).toEqual({ problem });
    // An activity's answer is another matter: the workflow task fails, and is tried again.
    expect(() => payloadConverter.fromPayload(garbage ?? {})).toThrow(/has sealed/);
    const [other] = await createPayloadCodec(createKeyRing([k2])).encode([{ data: clear }]);
    await expect(codec.decode(other ? [other] : [])).rejects.toMatchObject({ kind: "no-key" });
  });

  test("a failure's message and stack are in one, and come back", async () => {
    const { failureConverter, payloadConverter } = clientConverter(ring);
    const failure = failureConverter.errorToFailure(
      ApplicationFailure.nonRetryable("the secret", "T"),
      payloadConverter,
    );
    expect(failure).toMatchObject({ message: "Encoded failure", stackTrace: "" });
    expect(failureConverter.failureToError(failure, payloadConverter).message).toBe("the secret");
  });
});

describe("a store", () => {
  test("whose key is missing is away, so that whoever needs it waits; one that was changed is broken", async () => {
    const plain = createMemoryObjectStore();
    await encryptedObjectStore(plain, ring).put("a/b", clear);
    const away = encryptedObjectStore(plain, createKeyRing([k2]));
    await expect(away.get("a/b")).rejects.toMatchObject({ name: "StoreUnavailable" });
    await plain.put("a/c", (await plain.get("a/b")) ?? clear);
    await expect(encryptedObjectStore(plain, ring).get("a/c")).rejects.toThrow(
      /a\/c is not what the encryption key k1/,
    );
  });

  test("of events keeps what orders and names an event in clear, and nothing else", async () => {
    const plain = createMemoryEventLog();
    const sealed = encryptedEventLog(plain, ring);
    const event = {
      specversion: "1.0",
      id: "w/r/1",
      type: "wflo.run.started",
      sequence: "0000000001",
      data: { a: "secret" },
    };
    const record = { at: "2026-11-25", by: "a secret name", seq: 1 };
    await sealed.publish("wflo.events", [{ key: "w", value: JSON.stringify(event) }]);
    await sealed.publish("wflo.audit", [{ key: "w", value: JSON.stringify(record) }]);
    const [kept] = await all(plain.read("wflo.events"));
    expect(JSON.parse(kept?.value ?? "")).toMatchObject({
      id: "w/r/1",
      type: "wflo.run.started",
      sequence: "0000000001",
    });
    const [audit] = await all(plain.read("wflo.audit"));
    expect(`${kept?.value}${audit?.value}`).not.toContain("secret");
    const [read] = await all(sealed.read("wflo.events"));
    expect(JSON.parse(read?.value ?? "")).toEqual({ ...event, datacontenttype: "application/json" });
    expect(JSON.parse((await all(sealed.read("wflo.audit")))[0]?.value ?? "")).toEqual(record);
  });
});

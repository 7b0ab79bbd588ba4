import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createMemoryEventLog } from "../../adapters/memory/event-log.js";
import type { WorkerRecord } from "../../core/worker-audit.js";
import { witnessedEventLog } from "../../encryption/witnessed-event-log.js";
import type { LogRecord } from "../../ports/event-log.js";
import { openWitness, settingsFacts } from "../../workers/audit-witness.js";
import { readConfig, WrongSettings } from "../../workers/config.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-witness-"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

test("the settings on the audit log have no secret in them", () => {
  const facts = settingsFacts({
    WFLO_TASK_QUEUE: "wflo",
    WFLO_ENCRYPTION_KEYS: "k1:c2VjcmV0",
    WFLO_CODEC_TOKEN: "s3cret",
    REDIS_URL: "rediss://me:s3cret@redis:6379/2",
    OPENAI_API_KEY: "sk-s3cret",
    WFLO_STATE: " ",
  });
  expect(facts).toEqual({
    REDIS_URL: "rediss://(set)@redis:6379/2",
    WFLO_CODEC_TOKEN: "(set)",
    WFLO_ENCRYPTION_KEYS: "(set)",
    WFLO_TASK_QUEUE: "wflo",
  });
});

test.each([
  ["nothing.pem", undefined, /WFLO_AUDIT_KEY: \S+nothing\.pem is not a private Ed25519 key in PEM: ENOENT/],
  ["words.pem", "no key", /WFLO_AUDIT_KEY: \S+words\.pem is not a private Ed25519 key .*openssl genpkey/],
])("a worker does not start with a key that is none: %s", async (name, text, problem) => {
  if (text !== undefined) await writeFile(join(folder, name), text);
  const config = readConfig({ WFLO_AUDIT_KEY: name }, folder);
  const open = () => openWitness(config, createMemoryEventLog());
  expect(open).toThrow(WrongSettings);
  expect(open).toThrow(problem);
});

test("what a log did not take goes out with what comes next, once", async () => {
  const taken: WorkerRecord[] = [];
  let isAway = true;
  const log = {
    async publish(_topic: string, records: readonly LogRecord[]) {
      if (isAway) throw new Error("away");
      taken.push(...records.map(({ value }) => JSON.parse(value) as WorkerRecord));
    },
    close: async () => {},
  };
  const key = { id: "k1", sign: (text: string) => `[${text}]` };
  const name = { worker: "7@here", boot: "b1" };
  const witness = witnessedEventLog(log, { topic: "audit", name, key, now: () => new Date(0) });
  const record = { key: "run", value: JSON.stringify({ workflowId: "w", firstRunId: "r", seq: 1, hash: "sha256:1" }) };
  await witness.note("worker.started", {});
  for (const _try of [1, 2]) await expect(witness.publish("audit", [record])).rejects.toThrow("away");
  isAway = false;
  await witness.publish("audit", [record]);
  await witness.publish("audit", [{ ...record, value: record.value.replace('"seq":1', '"seq":2') }]);
  const seen = taken.map(({ action, seq }) => [action, seq]);
  expect(seen).toEqual([
    [undefined, 1],
    ["worker.started", 1],
    ["heads.signed", 2],
    [undefined, 2],
    ["heads.signed", 3],
  ]);
});

import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createMemoryEventLog } from "../../adapters/memory/event-log.js";
import type { AuditRecord } from "../../core/audit.js";
import type { WorkerRecord } from "../../core/worker-audit.js";
import { readAuditKey } from "../../encryption/audit-key.js";
import { witnessedEventLog } from "../../encryption/witnessed-event-log.js";
import { findTemporalCli } from "../../workers/tool-finder.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { temporalAddress } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";
import { type Ended, wflo, wfloJson } from "./command-line.js";

/* An audit log whose heads a worker signs, verified away from everything: from files, without a server. */

const log = createMemoryEventLog();
const id = `signed-${process.pid}-${Date.now()}`;
let worker: AgentWorker;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-audit-"));
  const keys = generateKeyPairSync("ed25519");
  const others = generateKeyPairSync("ed25519");
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = { type: "spki", format: "pem" } as const;
  await file("private.pem", String(keys.privateKey.export({ type: "pkcs8", format: "pem" })));
  await file("public.pem", String(keys.publicKey.export(pem)));
  await file("other.pem", String(others.publicKey.export(pem)));
  await file("rsa.pem", String(rsa.publicKey.export(pem)));
  const name = { worker: "7@here", boot: "b1" };
  const key = readAuditKey(join(folder, "private.pem"));
  const eventLog = witnessedEventLog(log, { topic: "wflo.audit", name, key, now: () => new Date() });
  await eventLog.note("worker.started", { version: "1" });
  const models = plainModels(({ turn }) =>
    turn === 1 ? { toolCalls: [{ id: "c1", name: "deploy", args: {} }] } : { text: "It is out." },
  );
  const tools = [{ name: "deploy", safe: false, execute: async () => ({ version: 7 }) }];
  worker = await startAgentWorker({ models, tools, eventLog });
  await wflo(["run", "tester", "Deploy it.", "--id", id, "--detach"], worker);
  await eventually(async () => expect((await wflo(["approvals", id], worker)).stdout).toContain("g1"));
  await wflo(["approve", id, "g1", "--by", "ana"], worker);
  expect((await wflo(["watch", id], worker)).exitCode).toBe(0);
  const cli = await findTemporalCli({ report: () => undefined });
  const show = ["workflow", "show", "--workflow-id", id, "--output", "json", "--address", temporalAddress()];
  await file("history.json", (await promisify(execFile)(cli.path, show, { maxBuffer: 1e8 })).stdout);
}, 60_000);

afterAll(async () => {
  await worker.stop();
  await rm(folder, { recursive: true, force: true });
});

const file = async (name: string, text: string) => await writeFile(join(folder, name), text);

type Entry = AuditRecord & WorkerRecord;
const entries = () => log.records("wflo.audit").map(({ value }) => JSON.parse(value) as Entry);
const ofWorker = ({ worker: name }: Entry) => name !== undefined;

/** Nothing listens there: whoever asks a server fails. */
const nowhere = { environment: { TEMPORAL_ADDRESS: "127.0.0.1:1" } };

async function verified(change: (log: readonly Entry[]) => readonly Entry[], ...flags: readonly string[]) {
  await file(
    "audit.jsonl",
    change(entries())
      .map((entry) => `${JSON.stringify(entry)}\n`)
      .join(""),
  );
  const argv = ["audit", "verify", "--log", "audit.jsonl", ...flags];
  return await wfloJson<{ ok: boolean; runs: readonly object[] }>(argv, worker, { ...nowhere, folder });
}

describe("without a server", () => {
  test.each([
    ["by the signatures", ["--offline", "--key", "public.pem"], { history: "none" }],
    ["by the history", ["--history", "history.json"], { history: "whole", endKnown: true, goesOn: false }],
    ["by both", ["--history", "history.json", "--key", "other.pem", "public.pem"], { history: "whole" }],
  ])("a log as it was written is good: %s", async (_name, flags, facts) => {
    const { exitCode, document } = await verified((log) => log, ...flags);
    expect({ exitCode, document }).toMatchObject({
      exitCode: 0,
      document: { ok: true, runs: [{ ok: true, ...facts }] },
    });
  });

  const cut = (log: readonly Entry[]) => {
    const last = log.findLast((entry) => !ofWorker(entry)) as Entry;
    return log.filter(({ hash }) => hash !== last.hash);
  };
  test("records cut off the end are missed by the worker that published them", async () => {
    const whole = entries().filter((entry) => !ofWorker(entry)).length;
    const problem = `record ${whole} is missing; a worker has signed that there were ${whole}`;
    const { exitCode, document } = await verified(cut, "--offline", "--key", "public.pem");
    expect({ exitCode, document }).toMatchObject({ exitCode: 1, document: { ok: false, runs: [{ problem }] } });
    // Nothing else than the signatures can tell, without the history.
    expect((await verified(cut, "--offline")).exitCode).toBe(0);
    expect((await verified(cut, "--history", "history.json")).document).toMatchObject({ runs: [{ seq: whole }] });
  });

  test("a worker's records that are gone too leave a hole in its chain", async () => {
    const [second] = entries().filter(ofWorker).slice(1);
    const { exitCode, document } = await verified(
      (log) => log.filter(({ hash }) => hash !== second?.hash),
      ...["--offline", "--key", "public.pem"],
    );
    const problems = [{ worker: "7@here", seq: 2, problem: expect.stringContaining("record 2 is missing") }];
    expect({ exitCode, document }).toMatchObject({ exitCode: 1, document: { workers: { problems } } });
  });

  test("a log without any signature is found out where it is said since when there are some", async () => {
    const unsigned = (log: readonly Entry[]) => log.filter((entry) => !ofWorker(entry));
    const key = ["--offline", "--key", "public.pem"];
    expect((await verified(unsigned, ...key)).exitCode).toBe(0);
    const { exitCode, document } = await verified(unsigned, ...key, "--signed-since", "1h");
    const problem = "record 1 is signed by nobody";
    expect({ exitCode, document }).toMatchObject({ exitCode: 1, document: { runs: [{ seq: 1, problem }] } });
  });

  test("another key's signatures do not count", async () => {
    const { exitCode, document } = await verified((log) => log, "--offline", "--key", "other.pem");
    const problem = expect.stringContaining("which is not among the trusted ones");
    expect({ exitCode, document }).toMatchObject({
      exitCode: 1,
      document: { workers: { problems: [{ seq: 1, problem }] } },
    });
  });

  test.each([
    [["--key", "none.pem"], "none.pem is not a public Ed25519 key in PEM: ENOENT"],
    [["--key", "rsa.pem"], "rsa.pem is not a public Ed25519 key in PEM: it is of the type rsa"],
    [["--history", "public.pem"], "public.pem is not a history of a workflow"],
    [["--log", "nothing.jsonl"], "nothing.jsonl can't be read"],
  ])("what is no key, history or log is told: %j", async (flags, problem) => {
    const argv = ["audit", "verify", "--offline", "--log", "audit.jsonl", ...flags];
    const { exitCode, stderr } = await wflo(argv, worker, { ...nowhere, folder });
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(problem) });
  });
});

describe("the log for other systems", () => {
  const exported = async (...flags: readonly string[]): Promise<Ended> =>
    await wflo(["audit", "export", ...flags], worker, { ...nowhere, folder, ports: { eventLog: log } });

  test("is, as JSON lines, the log that can be verified", async () => {
    await exported("--out", "out.jsonl");
    const argv = ["audit", "verify", "--log", "out.jsonl", "--history", "history.json", "--key", "public.pem"];
    expect(await wflo(argv, worker, { ...nowhere, folder })).toMatchObject({ exitCode: 0 });
  });

  test("has each record once, of one run where that is asked for, and none from before", async () => {
    const lines = (await exported(id)).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Entry);
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1));
    expect((await exported("--since", "2100-01-01")).stdout).toBe("");
  });

  test("is OCSF: API Activity with who, what, when and on what", async () => {
    const events = (await exported(id, "--format", "ocsf")).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { api: { operation: string } });
    const approved = entries().find(({ action }) => action === "approval.approve") as Entry;
    expect(events.find(({ api }) => api.operation === "approval.approve")).toMatchObject({
      class_uid: 6003,
      type_uid: 600303,
      time: Date.parse(approved.at),
      actor: { user: { name: "ana" } },
      metadata: { version: "1.3.0", uid: approved.hash, sequence: approved.seq, product: { name: "Wflo" } },
      resources: [{ type: "workflow", name: id, uid: approved.firstRunId }],
      unmapped: { prev: approved.prev, facts: approved.facts },
    });
  });

  test("is CEF, with nothing in a value that could begin another field or line", async () => {
    const nasty = { ...(entries().find((entry) => !ofWorker(entry)) as Entry), by: "eve=x|\nCEF:0|a" };
    await file("nasty.jsonl", `${JSON.stringify(nasty)}\n`);
    const { stdout } = await exported("--log", "nasty.jsonl", "--format", "cef");
    expect(stdout.trim().split("\n")).toHaveLength(1);
    expect(stdout).toMatch(
      /^CEF:0\|Wflo\|Wflo\|[\d.]+\|run\.started\|run\.started\|2\|rt=\d{13} suser=eve\\=x\|\\nCEF:0\|a act=/,
    );
    expect(stdout).toContain(`cs1Label=workflow cs1=${id} `);
  });
});

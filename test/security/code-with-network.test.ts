import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import type { AuditRecord } from "../../core/audit.js";
import { wflo } from "../cli/command-line.js";
import { foundIn, plantedPhrases } from "../encryption/planted-phrases.js";
import { describeWith } from "../harness/real-part.js";
import { type ScannedWorld, startScannedWorld } from "../harness/scanned-world.js";

/* An agent whose code may speak to one host, in real processes: what it asked for is on the audit log, and the credential
 * that the proxy puts in is nowhere, though the host says back what it was sent. */

let scanned: ScannedWorld | undefined;
let host: Server | undefined;
afterEach(async () => {
  await scanned?.stop();
  host?.close();
  host?.closeAllConnections();
});

describeWith("bubblewrap", () => {
  test("code speaks to the host of its policy, and every word of it is on record", async () => {
    const planted = plantedPhrases(["credential"]);
    const heard: string[] = [];
    host = createServer((message, response) => {
      heard.push(String(message.headers.authorization));
      response.end(`you said ${message.headers.authorization}`);
    });
    await new Promise<void>((resolve) => host?.listen(0, "127.0.0.1", resolve));
    const { port } = host.address() as AddressInfo;
    const code = `
import urllib.request, urllib.error
print(urllib.request.urlopen("http://crm.example.com:${port}/").read().decode())
try:
    urllib.request.urlopen("http://evil.example.net/")
except urllib.error.HTTPError as error:
    print(error.read().decode())`;
    const crm = `{ host: "crm.example.com", ports: [${port}], address: "127.0.0.1", upstream: "http", credential: { secret: secretRef("env:CRM_TOKEN"), prefix: "Bearer " } }`;
    scanned = await startScannedWorld({
      agents: `
import { defineAgent, python, secretRef, withNetwork } from "wflo";
export const caller = defineAgent({ name: "caller", instructions: "You call.", model: "openai-compatible/billing", tools: [withNetwork(python, { hosts: [${crm}] })] });`,
      reply: (turn) => (turn === 1 ? { toolCalls: [{ name: "python", args: { code } }] } : { text: "done" }),
      environment: { WFLO_LOG_LEVEL: "trace", WFLO_SANDBOX: "bubblewrap", CRM_TOKEN: planted.credential },
    });
    const { workers, server, kept } = scanned;
    const worker = await workers.startWorker();
    const run = await workers.startRun({
      agent: "caller",
      input: "Call.",
      budget: { limitUsd: "1" },
      approvals: { tools: { python: "never" } },
    });
    expect(await run.result()).toMatchObject({ status: "completed" });
    expect(heard).toEqual([`Bearer ${planted.credential}`]);

    await writeFile(join(workers.folder, "kept/log.txt"), worker.output());
    expect(await foundIn(kept, planted)).toEqual({});
    const marks = {
      answered: "you said Bearer [secret crm.example.com]",
      refused: "evil.example.net:80 is not allowed",
    };
    expect(Object.keys(await foundIn(kept, marks)).sort()).toEqual(["answered", "refused"]);

    const log = await readFile(join(workers.folder, "kept/state/audit.jsonl"), "utf8");
    const records = log
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as AuditRecord);
    const egress = records.filter(({ action }) => action === "code.egress").map(({ facts }) => facts);
    const asked = [
      { host: "crm.example.com", port, outcome: "allowed", requests: 1, tool: "python", turn: 1 },
      { host: "evil.example.net", port: 80, outcome: "refused", requests: 1, bytesSent: 0 },
    ];
    expect(egress).toEqual(expect.arrayContaining(asked.map((one) => expect.objectContaining(one))));
    const executed = records.find(({ action }) => action === "code.executed")?.facts;
    expect(executed).toMatchObject({ backend: "bubblewrap", why: "WFLO_SANDBOX is bubblewrap" });
    const environment = { TEMPORAL_ADDRESS: server.address, WFLO_STATE: "kept/state", WFLO_BLOBS: "file:kept/blobs" };
    const verified = await wflo(["audit", "verify", run.workflowId, "--log", "kept/state/audit.jsonl"], undefined, {
      environment,
      folder: workers.folder,
    });
    expect(verified).toMatchObject({ exitCode: 0 });
  }, 120_000);
});

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, test } from "@jest/globals";
import { createKafkaEventLog } from "../../adapters/kafka/event-log.js";
import { createKeyRing } from "../../encryption/key-ring.js";
import type { EncryptionKey } from "../../ports/key-ring.js";
import { packageRoot } from "../../workers/tool-finder.js";
import type { Reply } from "../harness/billing-provider.js";
import { eventually } from "../harness/eventually.js";
import { temporaryFolders } from "../harness/folder.js";
import { type KafkaBroker, startKafkaBroker } from "../harness/kafka-broker.js";
import { describeWith } from "../harness/real-part.js";
import { type RedisServer, startRedisServer } from "../harness/redis-server.js";
import { type ScannedWorld, startScannedWorld } from "../harness/scanned-world.js";
import { all } from "../harness/taking.js";
import type { WorkerProcesses } from "../harness/worker-processes.js";
import { foundIn, type Planted, plantedPhrases } from "./planted-phrases.js";

/*
 * Real processes against a server, a database and folders of their own: phrases are planted wherever a run takes or makes
 * text, and every file is read afterwards.
 */

const PLACES = [
  ...["input", "instructions", "tool description", "file", "answer", "argument", "result", "tool's failure"],
  ...["message", "edited argument", "reason to approve", "approver", "reason to reject", "reason of the budget"],
  ...["code", "output of code", "file of code", "output", "failure", "who paused"],
] as const;
type Place = (typeof PLACES)[number];

const run = promisify(execFile);
let scanned: ScannedWorld | undefined;
afterEach(async () => {
  await scanned?.stop();
  scanned = undefined;
});

function newKey(id: string): EncryptionKey {
  return { id, secret: randomBytes(32) };
}

function asText(keys: readonly EncryptionKey[]): string {
  return keys.map(({ id, secret }) => `${id}:${Buffer.from(secret).toString("base64")}`).join(",");
}

function agentsModule(planted: Planted<Place>): string {
  return `
import { defineAgent, defineTool, shell } from "wflo";
import { z } from "zod";
const tool = (name, execute, options) => defineTool({ name, description: ${JSON.stringify(planted["tool description"])}, input: z.object({ line: z.string() }), execute, ...options });
export const keeper = defineAgent({
  name: "keeper", instructions: ${JSON.stringify(planted.instructions)}, model: "openai-compatible/billing",
  tools: [
    tool("look", () => ${JSON.stringify(planted.result)}, { safe: true }),
    tool("fail", () => { throw new Error(${JSON.stringify(planted["tool's failure"])}); }, { safe: true }),
    tool("ask", ({ line }) => line, {}),
    shell,
  ],
});`;
}

async function world(planted: Planted<Place>, keys: readonly EncryptionKey[], more: NodeJS.ProcessEnv = {}) {
  const call = (name: string, args: object) => ({ name, args });
  const reply: Reply = (turn) => {
    if (turn === 1) {
      const argument = { line: planted.argument };
      return { text: planted.answer, toolCalls: [call("look", argument), call("fail", argument)] };
    }
    if (turn === 2) {
      const command = `echo ${planted["output of code"]}; mkdir -p out; echo ${planted["file of code"]} > out/f; : ${planted.code}`;
      return { toolCalls: [call("shell", { command })] };
    }
    if (turn === 3) return { toolCalls: [call("ask", { line: "one" })] };
    return { text: planted.output, toolCalls: [call("ask", { line: "two" })] };
  };
  scanned = await startScannedWorld({
    agents: agentsModule(planted),
    reply,
    ...(keys.length > 0 ? { keyRing: createKeyRing(keys) } : {}),
    environment: { WFLO_LOG_LEVEL: "silent", ...more },
  });
  return scanned;
}

/** Takes a run to its first gate. */
async function runToGate(planted: Planted<Place>, { client, taskQueue }: WorkerProcesses) {
  const handle = await client.workflow.start("agentRun", {
    taskQueue,
    workflowId: "kept-secret",
    args: [
      {
        agent: "keeper",
        input: planted.input,
        files: { "in.txt": planted.file },
        budget: { limitUsd: "1" },
      },
    ],
    staticSummary: planted.input,
  });
  const args = [{ agent: "keeper", input: "x", model: planted.failure }];
  const failing = await client.workflow.start("agentRun", { taskQueue, workflowId: "fails", args });
  await expect(failing.result()).rejects.toMatchObject({
    cause: { message: expect.stringContaining(planted.failure) },
  });
  await handle.signal("pause", { by: planted["who paused"] });
  await handle.signal("resume", { by: planted["who paused"] });
  await handle.signal("message", { text: planted.message });
  await handle.signal("budgetCheck", { limitUsd: "2", by: "ada", reason: planted["reason of the budget"] });
  await eventually(async () => expect(await handle.query("approvals")).toHaveLength(1), { withinMs: 30_000 });
  return handle;
}

type Handle = Awaited<ReturnType<typeof runToGate>>;

async function decide(planted: Planted<Place>, handle: Handle): Promise<object> {
  const by = planted.approver;
  const update = async (payload: object) =>
    await handle.executeUpdate<object, [object]>("decideApproval", { args: [payload] });
  const args = { line: planted["edited argument"] };
  await update({ gate: "g1", decision: "approve", by, comment: planted["reason to approve"], args });
  await eventually(async () => expect(await handle.query("approvals")).toHaveLength(2), { withinMs: 30_000 });
  await update({ gate: "g2", decision: "reject", by, comment: planted["reason to reject"] });
  return (await handle.result()) as object;
}

test("with keys nothing stands in clear, a key is replaced in the middle of a run, and a missing one is told at start", async () => {
  const planted = plantedPhrases(PLACES);
  const [first, second] = [newKey("k1"), newKey("k2")];
  const both = [second, first];
  // The client goes on with the old key, which every worker has.
  const { workers, server, kept } = await world(planted, [first, second]);
  const old = await workers.startWorker({ environment: { WFLO_ENCRYPTION_KEYS: asText([first]) } });
  const handle = await runToGate(planted, workers);
  await old.stop("SIGKILL");
  const rotated = { WFLO_ENCRYPTION_KEYS: asText(both) };
  const current = await workers.startWorker({ environment: rotated });
  expect(await decide(planted, handle)).toMatchObject({ status: "rejected" });
  expect(await foundIn(kept, planted)).toEqual({});
  await current.stop("SIGTERM");
  expect(await foundIn(kept, planted)).toEqual({});

  const cli = async (...args: string[]) => {
    const env = {
      PATH: process.env.PATH,
      TEMPORAL_ADDRESS: server.address,
      WFLO_STATE: "kept/state",
      WFLO_BLOBS: "file:kept/blobs",
      ...rotated,
    };
    const program = join(packageRoot(), "scripts/wflo.mjs");
    return (await run(process.execPath, [program, ...args], { env, cwd: workers.folder })).stdout;
  };
  expect(JSON.parse(await cli("audit", "verify", "--json"))).toMatchObject({ ok: true });
  expect(await cli("transcript", "kept-secret")).toContain(planted.output);
  expect(await cli("events", "--json")).toContain('"wflo.approval.decided"');
  expect(await cli("replay", "kept-secret")).toContain("ok");

  const impostor = { id: "k1", secret: randomBytes(32) };
  const starting = async (keys: readonly EncryptionKey[]) =>
    await workers.startWorker({ environment: { WFLO_ENCRYPTION_KEYS: asText(keys) } });
  await expect(starting([second])).rejects.toThrow(/lacks the key k1, which has encrypted content/);
  await expect(starting([second, impostor])).rejects.toThrow(/another key of the id k1/);
  await expect(starting([])).rejects.toThrow(/WFLO_ENCRYPTION_KEYS is not set, and .* the key k1 encrypted/);
}, 180_000);

test("the judge finds what is planted: without keys every phrase stands somewhere in clear", async () => {
  const planted = plantedPhrases(PLACES);
  const { workers, kept } = await world(planted, []);
  await workers.startWorker();
  const handle = await runToGate(planted, workers);
  expect(await decide(planted, handle)).toMatchObject({ status: "rejected" });
  const found = await foundIn(kept, planted);
  expect(Object.keys(found).sort()).toEqual([...PLACES].sort());
}, 180_000);

describeWith("kafka", (libs) => {
  let broker: KafkaBroker | undefined;
  afterEach(async () => {
    await broker?.stop();
  });

  test.each([
    ["with keys nothing stands in clear in a broker's log", [newKey("k1")], false],
    ["the judge finds what is planted there without", [], true],
  ] as const)(
    "%s",
    async (_name, keys, isFound) => {
      const planted = plantedPhrases(PLACES);
      broker = await startKafkaBroker(libs);
      const { workers } = await world(planted, keys, { KAFKA_BROKERS: broker.address });
      await workers.startWorker({ environment: keys.length > 0 ? { WFLO_ENCRYPTION_KEYS: asText(keys) } : {} });
      const handle = await runToGate(planted, workers);
      expect(await decide(planted, handle)).toMatchObject({ status: "rejected" });
      // What is on its way is there when the run's last event is.
      const log = createKafkaEventLog({ brokers: [broker.address], ssl: false });
      await eventually(async () => {
        const ends = (await all(log.read("wflo.events"))).filter(({ value }) => value.includes("wflo.run.completed"));
        expect(ends).toHaveLength(1);
      });
      await log.close();
      const found = await foundIn([broker.folder], planted);
      if (isFound)
        expect(Object.keys(found)).toEqual(expect.arrayContaining(["approver", "reason of the budget", "who paused"]));
      else expect(found).toEqual({});
    },
    180_000,
  );
});

describeWith("redis", (program) => {
  const newFolder = temporaryFolders();
  let redis: RedisServer | undefined;
  afterEach(async () => {
    await redis?.stop();
  });

  test.each([
    ["with keys nothing stands in clear in what Redis was ever told", [newKey("k1")], false],
    ["the judge finds what is planted there without", [], true],
  ] as const)(
    "%s",
    async (_name, keys, isFound) => {
      const planted = plantedPhrases(PLACES);
      const folder = await newFolder();
      // Its append-only file holds every command, of values that have expired too.
      const settings = ["--appendonly", "yes", "--appendfsync", "always"];
      redis = await startRedisServer(program, folder, { settings });
      const { workers } = await world(planted, keys, { REDIS_URL: redis.url });
      await workers.startWorker({ environment: keys.length > 0 ? { WFLO_ENCRYPTION_KEYS: asText(keys) } : {} });
      const handle = await runToGate(planted, workers);
      expect(await decide(planted, handle)).toMatchObject({ status: "rejected" });
      await eventually(async () => expect((await foundIn([folder], { run: "kept-secret" })).run).toBeDefined());
      const found = await foundIn([folder], planted);
      if (isFound) expect(Object.keys(found)).toEqual(expect.arrayContaining(["answer", "output"]));
      else expect(found).toEqual({});
    },
    180_000,
  );
});

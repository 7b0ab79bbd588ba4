import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { foundIn, plantedPhrases } from "../encryption/planted-phrases.js";
import { type ScannedWorld, startScannedWorld } from "../harness/scanned-world.js";
import { type WorkerProcesses, workerProcesses } from "../harness/worker-processes.js";

/*
 * Secrets that tools get by reference, and that tools then say wherever they can: real processes against a server, a
 * database and folders of their own, of which every file is read afterwards, and what the worker logs, measures and traces.
 */

let scanned: ScannedWorld | undefined;
let workers: WorkerProcesses | undefined;
afterEach(async () => {
  await scanned?.stop();
  await workers?.stop();
  [scanned, workers] = [undefined, undefined];
});

/** Tools that say what they know. @param named their secrets are references; else the code takes them by itself */
const agentsModule = ({ named }: { readonly named: boolean }) => `
import { defineAgent, defineTool, secretRef } from "wflo";
import { z } from "zod";
const own = { a: process.env.PLANTED_VARIABLE, b: "nothing", c: "nothing" };
const refs = { a: secretRef("env:PLANTED_VARIABLE"), b: secretRef("file:kept-by/secret.txt"), c: secretRef("store:planted") };
const options = { description: "Says it.", input: z.object({}), safe: true, ...(${named} ? { secrets: refs } : {}) };
const tool = (name, execute) => defineTool({ name, ...options, execute: (args, { secrets }) => execute(${named} ? secrets : own) });
export const keeper = defineAgent({
  name: "keeper", instructions: "You keep secrets.", model: "openai-compatible/billing",
  tools: [
    tool("say", ({ a, b, c }) => ({ plain: [a, b, c], [a]: { base64: Buffer.from("x" + b).toString("base64"), url: encodeURIComponent(c) } })),
    tool("fail", ({ a, b, c }) => { throw new Error("no: " + a + b, { cause: new Error(c) }); }),
    tool("large", ({ a, b, c }) => (a + b + c + "x").repeat(2_000)),
    tool("work", ({ a, b, c }) => ({ lengths: [a.length, b.length, c.length] })),
  ],
});`;

const PLACES = ["variable", "file", "store"] as const;

async function played(options: { readonly named: boolean }) {
  const planted = plantedPhrases(PLACES);
  scanned = await startScannedWorld({
    agents: agentsModule(options),
    reply: (turn) => {
      if (turn > 1) return { text: "done" };
      return { toolCalls: ["say", "fail", "large", "work"].map((name) => ({ name, args: {} })) };
    },
    environment: {
      WFLO_LOG_LEVEL: "trace",
      WFLO_HTTP_PORT: "0",
      WFLO_SECRETS: "./store.mjs",
      PLANTED_VARIABLE: planted.variable,
      // Spans are printed, with all that tools say.
      OTEL_TRACES_EXPORTER: "console",
      OTEL_BSP_SCHEDULE_DELAY: "20",
      OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true",
    },
  });
  const { workers, kept } = scanned;
  await mkdir(join(workers.folder, "kept-by"));
  await writeFile(join(workers.folder, "kept-by/secret.txt"), `${planted.file}\n`);
  const store = `export const secretStore = { get: async (name) => name === "planted" ? ${JSON.stringify(planted.store)} : undefined };`;
  await writeFile(join(workers.folder, "store.mjs"), store);
  const worker = await workers.startWorker();
  const run = await workers.startRun({ agent: "keeper", input: "Say it.", budget: { limitUsd: "1" } });
  expect(await run.result()).toMatchObject({ status: "completed" });
  const port = /http:\/\/localhost:(\d+)\/metrics/.exec(worker.output())?.[1];
  const metrics = await (await fetch(`http://localhost:${port}/metrics`)).text();
  expect(metrics).toContain('wflo_tool_calls_total{tool="say",outcome="ok"} 1');
  await writeFile(join(workers.folder, "kept/metrics.txt"), metrics);
  await worker.line(/"invoke_agent keeper"|name: .invoke_agent keeper/);
  expect(worker.output()).toMatch(/gen_ai\.tool\.call\.result/);
  await writeFile(join(workers.folder, "kept/log.txt"), worker.output());
  const { length } = planted.variable;
  const marks = { redacted: "[secret a]", worked: `"lengths":[${length},${length},${length}]` };
  return { found: await foundIn(kept, planted), marks: await foundIn(kept, marks) };
}

test("a tool's secrets are in no history, blob, event, stream, log, metric, span or prompt, whatever the tool says", async () => {
  const { found, marks } = await played({ named: true });
  expect(found).toEqual({});
  expect(Object.keys(marks).sort()).toEqual(["redacted", "worked"]);
}, 120_000);

test("the judge finds a secret that no reference names", async () => {
  expect((await played({ named: false })).found).toHaveProperty("variable");
}, 120_000);

test.each([
  [{ PLANTED_VARIABLE: "" }, "the tool say: the secret a is not there: the environment variable PLANTED_VARIABLE"],
  [{ WFLO_SECRETS: "" }, "the secret c is not there: planted in the store of secrets (WFLO_SECRETS)"],
  [{ WFLO_SECRETS: "./nothing.mjs" }, "the secret c can't be read from planted in the store"],
])("a worker without a secret that its tools need does not start: %j", async (environment, problem) => {
  workers = await workerProcesses({
    agents: agentsModule({ named: true }),
    environment: { PLANTED_VARIABLE: "planted-1234", WFLO_SECRETS: "./store.mjs", ...environment },
  });
  await mkdir(join(workers.folder, "kept-by"));
  await writeFile(join(workers.folder, "kept-by/secret.txt"), "planted-5678");
  await writeFile(join(workers.folder, "store.mjs"), 'export const secretStore = { get: async () => "planted-9012" };');
  await expect(workers.startWorker()).rejects.toThrow(problem);
});

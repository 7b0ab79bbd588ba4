import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { packageRoot } from "../workers/tool-finder.js";
import { BILLING_PRICES, type BillingProvider, startBillingProvider } from "./harness/billing-provider.js";
import { eventually } from "./harness/eventually.js";
import { temporaryFolders } from "./harness/folder.js";
import { type KafkaBroker, startKafkaBroker } from "./harness/kafka-broker.js";
import { type StartedProcess, startProcess } from "./harness/processes.js";
import { describeWith } from "./harness/real-part.js";
import { type WorkerProcesses, workerProcesses } from "./harness/worker-processes.js";

/* examples/cost-projection beside a broker and workers: its sums are those of the ledgers, although it is killed again and again. */

const AGENTS = `
import { defineAgent } from "wflo";
const agent = (name) => defineAgent({ name, instructions: "", model: "openai-compatible/billing" });
export const agents = [agent("one"), agent("two")];`;

const RUNS = 30;

describeWith("kafka", (libs) => {
  const newFolder = temporaryFolders();
  let broker: KafkaBroker;
  let provider: BillingProvider;
  let workers: WorkerProcesses;
  beforeAll(async () => {
    broker = await startKafkaBroker(libs, { partitions: 3 });
    provider = await startBillingProvider(() => ({ text: "hello" }));
    const environment = {
      KAFKA_BROKERS: broker.address,
      OPENAI_COMPATIBLE_BASE_URL: provider.url,
      OPENAI_COMPATIBLE_API_KEY: "not-a-key",
      WFLO_PRICES: "./prices.json",
      WFLO_STATE: "state",
      WFLO_BLOBS: "file:blobs",
    };
    workers = await workerProcesses({ agents: AGENTS, environment });
    await writeFile(join(workers.folder, "prices.json"), JSON.stringify(BILLING_PRICES));
    await workers.startWorker();
  }, 90_000);
  afterAll(async () => {
    await workers.stop();
    await provider.close();
    await broker.stop();
  });

  test("the projection of costs adds up to the ledgers, killed again and again", async () => {
    const file = join(await newFolder(), "costs.json");
    const script = join(packageRoot(), "examples/cost-projection/consumer.mjs");
    const start = async (): Promise<StartedProcess> =>
      await startProcess({
        command: process.execPath,
        args: [script, file],
        env: { PATH: process.env.PATH, KAFKA_BROKERS: broker.address },
      });
    const read = async () => JSON.parse(await readFile(file, "utf8")) as { agents: Record<string, number> };
    const ledgers: Record<string, number> = { one: 0, two: 0 };
    let consumer: StartedProcess | undefined;
    for (let n = 0; n < RUNS; n += 1) {
      const agent = n % 3 === 0 ? "one" : "two";
      const run = await workers.startRun({ agent, input: `hi ${n}` });
      const { cost } = await run.result();
      ledgers[agent] = (ledgers[agent] ?? 0) + cost.nanoUsd;
      consumer ??= await start();
      if (n % 10 === 5) {
        await eventually(async () => expect(Object.keys((await read()).agents).length).toBeGreaterThan(0), {
          withinMs: 60_000,
        });
        await consumer.stop("SIGKILL");
        consumer = undefined;
      }
    }
    await eventually(async () => expect((await read()).agents).toEqual(ledgers), { withinMs: 90_000 });
    expect(ledgers.one).toBeGreaterThan(0);
    await consumer?.stop("SIGKILL");
  }, 240_000);
});

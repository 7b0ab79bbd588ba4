import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { expect, test } from "@jest/globals";
import { freePort } from "../../workers/free-port.js";
import { BILLING_PRICES, startBillingProvider } from "../harness/billing-provider.js";
import { eventually } from "../harness/eventually.js";
import { startProcess } from "../harness/processes.js";
import { describeWith } from "../harness/real-part.js";
import { workerProcesses } from "../harness/worker-processes.js";

/* Two worker processes that share nothing but an S3-compatible store (and the Temporal server). */

const AGENTS = `
import { defineAgent } from "wflo";
export const talker = defineAgent({ name: "talker", instructions: "You talk.", model: "openai-compatible/billing" });`;

const KEYS = { AWS_ACCESS_KEY_ID: "test-access", AWS_SECRET_ACCESS_KEY: "test-secret", AWS_REGION: "us-east-1" };

describeWith("versitygw", (path) => {
  test("a worker goes on where another one died: the transcript and the journal are in the store", async () => {
    const folder = await mkdtemp(join(tmpdir(), "wflo-s3-"));
    await mkdir(join(folder, "data"));
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const store = await startProcess({
      command: path,
      args: ["--port", endpoint.slice("http://".length), "posix", join(folder, "data")],
      env: {
        PATH: process.env.PATH,
        ROOT_ACCESS_KEY: KEYS.AWS_ACCESS_KEY_ID,
        ROOT_SECRET_KEY: KEYS.AWS_SECRET_ACCESS_KEY,
      },
    });
    const bucket = `wflo-${randomUUID()}`;
    const credentials = { accessKeyId: KEYS.AWS_ACCESS_KEY_ID, secretAccessKey: KEYS.AWS_SECRET_ACCESS_KEY };
    const s3 = new S3Client({ endpoint, region: KEYS.AWS_REGION, forcePathStyle: true, credentials });
    await eventually(async () => void (await s3.send(new CreateBucketCommand({ Bucket: bucket }))));
    const provider = await startBillingProvider((turn) => ({ text: `answer ${turn}` }));
    const workers = await workerProcesses({
      agents: AGENTS,
      environment: {
        ...KEYS,
        AWS_ENDPOINT_URL: endpoint,
        WFLO_BLOBS: `s3://${bucket}/runs`,
        OPENAI_COMPATIBLE_BASE_URL: provider.url,
        OPENAI_COMPATIBLE_API_KEY: "not-a-key",
        WFLO_PRICES: "./prices.json",
      },
    });
    try {
      await writeFile(join(workers.folder, "prices.json"), JSON.stringify(BILLING_PRICES));
      const first = await workers.startWorker({ dieAt: "model.journalled", environment: { WFLO_STATE: "first" } });
      const run = await workers.startRun({ agent: "talker", input: "Hello.", budget: { limitUsd: "1" } });
      expect(await first.ended).toBe("SIGKILL");
      await workers.startWorker({ environment: { WFLO_STATE: "second" } });
      expect(await run.result()).toMatchObject({
        status: "completed",
        output: "answer 1",
        cost: { unconfirmedNanoUsd: 0 },
      });
      expect(provider.requests).toHaveLength(1);
    } finally {
      await workers.stop();
      await provider.close();
      s3.destroy();
      await store.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

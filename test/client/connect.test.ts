import { createServer, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { connect, type WfloClient } from "../../client/index.js";
import { freePort } from "../../workers/free-port.js";
import { temporalAddress } from "../harness/environment.js";

let client: WfloClient | undefined;
afterEach(async () => {
  await client?.close();
  client = undefined;
});

describe("connect", () => {
  test("takes address, namespace and task queue from the environment, and options before it", async () => {
    const environment = { TEMPORAL_ADDRESS: temporalAddress(), TEMPORAL_NAMESPACE: "default", WFLO_TASK_QUEUE: "mine" };
    client = await connect({ environment, taskQueue: "yours" });
    expect(client).toMatchObject({ address: temporalAddress(), namespace: "default", taskQueue: "yours" });
  });

  test("says at once that nobody listens on this machine, and what to do", async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const wrong = connect({ environment: { TEMPORAL_ADDRESS: address } });
    await expect(wrong).rejects.toMatchObject({
      kind: "unreachable",
      message: `there is no Temporal server at ${address} (connection refused)`,
      advice: expect.stringContaining("wflo dev"),
    });
  });

  test("gives up on a server that does not answer", async () => {
    const held: Socket[] = [];
    const silent = createServer((socket) => void held.push(socket)).listen(0, "127.0.0.1");
    const port = await new Promise<number>((resolve) => {
      silent.once("listening", () => resolve((silent.address() as { port: number }).port));
    });
    const wrong = connect({ environment: {}, address: `127.0.0.1:${port}`, connectTimeoutMs: 300 });
    await expect(wrong).rejects.toMatchObject({ kind: "unreachable" });
    for (const socket of held) socket.destroy();
    silent.close();
  });

  test("names the namespace that the server does not have", async () => {
    client = await connect({ environment: {}, address: temporalAddress(), namespace: "nowhere" });
    const wrong = client.run({ agent: "tester", input: "hello" });
    await expect(wrong).rejects.toMatchObject({
      kind: "no-such-namespace",
      message: expect.stringContaining("no namespace nowhere"),
      advice: expect.stringContaining("TEMPORAL_NAMESPACE"),
    });
  });

  test.each([
    ["a profile that is not there", { TEMPORAL_PROFILE: "nobody", TEMPORAL_CONFIG_FILE: "/dev/null" }, "nobody"],
    [
      "a certificate that is not there",
      { TEMPORAL_TLS_CLIENT_CERT_PATH: "/no/cert.pem", TEMPORAL_TLS_CLIENT_KEY_PATH: "/no/key.pem" },
      "/no/cert.pem",
    ],
  ])("names %s", async (_case, environment, what) => {
    const wrong = connect({ environment });
    await expect(wrong).rejects.toMatchObject({ kind: "configuration", message: expect.stringContaining(what) });
  });
});

describe("without a worker", () => {
  test("a question to a run says on which task queue nobody works", async () => {
    client = await connect({ environment: {}, address: temporalAddress(), taskQueue: "nobody-here", timeoutMs: 1_500 });
    expect(await client.hasWorker()).toBe(false);
    const run = await client.run({ agent: "tester", input: "hello" });
    for (const ask of [async () => await run.status(), async () => await run.approve("g1", { by: "ana" })]) {
      await expect(ask()).rejects.toMatchObject({
        kind: "no-worker",
        message: expect.stringContaining("nobody-here"),
        advice: expect.stringContaining("wflo worker"),
      });
    }
    expect(await run.summary()).toMatchObject({ status: "running", workflowId: run.workflowId });
    await run.terminate();
  });
});

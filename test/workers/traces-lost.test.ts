import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../harness/eventually.js";
import { startJaeger, tagsOf } from "../harness/jaeger.js";
import { describeWith } from "../harness/real-part.js";
import { type WorkerProcesses, workerProcesses } from "../harness/worker-processes.js";

/* Receivers that are away, wrong or odd: the run does not notice, and one line says so. */

let workers: WorkerProcesses | undefined;
let receiver: Server | undefined;
afterEach(async () => {
  await workers?.stop();
  receiver?.closeAllConnections();
  await new Promise((resolve) => (receiver ? receiver.close(resolve) : resolve(undefined)));
  [workers, receiver] = [undefined, undefined];
});

async function play(environment: NodeJS.ProcessEnv, prompt = "hi") {
  workers = await workerProcesses({
    environment: { WFLO_SANDBOX: "none", OTEL_BSP_SCHEDULE_DELAY: "20", ...environment },
  });
  const turn = { toolCalls: [{ name: "ask_nobody", args: {} }], usage: { inputTokens: 10, outputTokens: 2 } };
  const script = { model: "openai/gpt-4.1-mini", turns: [turn, turn, turn, { text: "done" }] };
  await writeFile(join(workers.folder, "s.json"), JSON.stringify(script));
  const worker = await workers.startWorker();
  const run = async () =>
    await (
      await (workers as WorkerProcesses).startRun({
        agent: "assistant",
        input: prompt,
        model: `scripted/${join((workers as WorkerProcesses).folder, "s")}`,
      })
    ).result();
  return { worker, run };
}

async function answering(status: number, body: string): Promise<string> {
  receiver = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(status).end(body));
  });
  await new Promise<void>((resolve) => receiver?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
}

const LOST = /spans can't be exported, and are lost; runs go on without/g;

describe("a receiver that", () => {
  test.each<[string, () => Promise<string>]>([
    ["is not there", async () => "http://127.0.0.1:9"],
    ["knows no such path", async () => await answering(404, "no")],
    ["answers nonsense", async () => await answering(200, "<html>")],
    ["refuses what it gets", async () => await answering(400, "no")],
  ])(
    "%s costs no run anything",
    async (name, endpoint) => {
      const { worker, run } = await play({
        OTEL_EXPORTER_OTLP_ENDPOINT: await endpoint(),
        OTEL_EXPORTER_OTLP_TIMEOUT: "500",
      });
      for (let count = 0; count < 5; count += 1) expect(await run()).toMatchObject({ status: "completed" });
      if (name !== "answers nonsense")
        await eventually(() => expect(worker.output()).toMatch(LOST), { withinMs: 20_000 });
      await worker.stop();
      // However often it failed.
      expect((worker.output().match(LOST) ?? []).length).toBeLessThanOrEqual(1);
    },
    60_000,
  );

  test("takes forever holds up no end of a process", async () => {
    receiver = createServer(() => {});
    await new Promise<void>((resolve) => receiver?.listen(0, "127.0.0.1", resolve));
    const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    const { worker, run } = await play({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
    expect(await run()).toMatchObject({ status: "completed" });
    await worker.stop();
    expect(await worker.ended).toBe(0);
  }, 30_000);
});

test.each<[NodeJS.ProcessEnv, RegExp]>([
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: "udp" }, /OTEL_EXPORTER_OTLP_PROTOCOL is udp/],
  [{ OTEL_TRACES_SAMPLER: "sometimes" }, /OTEL_TRACES_SAMPLER is sometimes/],
])("a worker with %j does not start", async (environment, problem) => {
  await expect(play({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9", ...environment })).rejects.toThrow(problem);
});

describeWith("jaeger", (program) => {
  test.each(["http/protobuf", "http/json", "grpc"])(
    "%s brings spans there, with what was said where that is wanted",
    async (protocol) => {
      const folder = await mkdtemp(join(tmpdir(), "wflo-jaeger-"));
      const jaeger = await startJaeger(program, folder);
      try {
        const said = "a prompt with \u0000 control \u001b[31m characters";
        const { run } = await play(
          {
            OTEL_EXPORTER_OTLP_ENDPOINT: protocol === "grpc" ? jaeger.grpcEndpoint : jaeger.endpoint,
            OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
            OTEL_SERVICE_NAME: "mine",
            OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true",
          },
          said,
        );
        expect(await run()).toMatchObject({ status: "completed" });
        await eventually(
          async () => {
            const chat = (await jaeger.spans("mine")).find(
              ({ operationName }) => operationName === "chat gpt-4.1-mini",
            );
            const messages = JSON.parse(String(chat && tagsOf(chat)["gen_ai.input.messages"])) as object[];
            expect(messages[0]).toEqual({ role: "user", parts: [{ type: "text", content: said }] });
          },
          { withinMs: 20_000 },
        );
      } finally {
        await jaeger.stop();
        await rm(folder, { recursive: true, force: true });
      }
    },
    60_000,
  );

  test("where a share of none is stored, what fails or costs much is all the same, with what was before it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "wflo-jaeger-"));
    const jaeger = await startJaeger(program, folder);
    try {
      const { run } = await play({
        OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.endpoint,
        OTEL_TRACES_SAMPLER: "parentbased_always_off",
        WFLO_TRACE_KEEP_USD: "0.001",
      });
      const { client, taskQueue } = workers as WorkerProcesses;
      const scripts = {
        dear: {
          model: "openai/gpt-4.1-mini",
          turns: [{ text: "dear", usage: { inputTokens: 100_000, outputTokens: 1_000 } }],
        },
        wrong: { turns: [{ text: "", finishReason: "content-filter" }] },
      };
      const ids = new Map<string, string>();
      for (const [name, script] of Object.entries(scripts)) {
        const file = join((workers as WorkerProcesses).folder, name);
        await writeFile(`${file}.json`, JSON.stringify(script));
        const args = [{ agent: "assistant", input: "hi", model: `scripted/${file}` }];
        const workflowId = `kept-${name}-${process.pid}`;
        await client.workflow.execute("agentRun", { taskQueue, workflowId, args }).catch(() => undefined);
        ids.set(name, workflowId);
      }
      expect(await run()).toMatchObject({ status: "completed" });
      const conversations = async () =>
        new Set((await jaeger.spans()).flatMap((span) => tagsOf(span)["gen_ai.conversation.id"] ?? []));
      await eventually(
        async () => {
          const spans = await jaeger.spans();
          for (const id of ids.values()) {
            const own = spans.filter((span) => tagsOf(span)["gen_ai.conversation.id"] === id);
            expect(own.map(({ operationName }) => operationName).sort()).toEqual([
              expect.stringMatching(/^chat /),
              "invoke_agent assistant",
            ]);
          }
        },
        { withinMs: 20_000 },
      );
      expect(await conversations()).toEqual(new Set(ids.values()));
    } finally {
      await jaeger.stop();
      await rm(folder, { recursive: true, force: true });
    }
  }, 60_000);
});

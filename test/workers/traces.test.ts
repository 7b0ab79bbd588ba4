import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { packageRoot } from "../../workers/tool-finder.js";
import { temporalAddress } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";
import { type Jaeger, type JaegerSpan, lineage, startJaeger, tagsOf } from "../harness/jaeger.js";
import { type KafkaBroker, startKafkaBroker } from "../harness/kafka-broker.js";
import { type StartedProcess, startProcess } from "../harness/processes.js";
import { describeWith } from "../harness/real-part.js";
import { type RedisServer, startRedisServer } from "../harness/redis-server.js";
import { type S3Server, startS3Server } from "../harness/s3-server.js";
import { type WorkerProcesses, workerProcesses } from "../harness/worker-processes.js";

/*
 * One run on everything: Temporal, Redis, Kafka, an S3 store, workers of which one is killed; seen by a real receiver of
 * spans.
 */

const SCRIPT = {
  model: "openai/gpt-4.1-mini",
  turns: [
    {
      toolCalls: [{ name: "python", args: { code: "print(6 * 7)" } }],
      usage: { inputTokens: 100, outputTokens: 20 },
    },
    { toolCalls: [{ name: "shell", args: { command: "echo 42" } }], usage: { inputTokens: 150, outputTokens: 9 } },
    { text: "It is 42.", usage: { inputTokens: 200, outputTokens: 5, cachedInputTokens: 64, reasoningTokens: 2 } },
  ],
};

describeWith("jaeger", (jaegerPath) => {
  describeWith("kafka", (libs) => {
    describeWith("versitygw", (versitygw) => {
      describeWith("redis", (redisPath) => {
        let folder: string;
        let jaeger: Jaeger;
        let broker: KafkaBroker;
        let store: S3Server;
        let redis: RedisServer;
        let workers: WorkerProcesses;
        const others: StartedProcess[] = [];

        beforeAll(async () => {
          folder = await mkdtemp(join(tmpdir(), "wflo-traces-"));
          for (const name of ["s3", "redis"]) await mkdir(join(folder, name));
          [jaeger, broker, store, redis] = await Promise.all([
            startJaeger(jaegerPath, folder),
            startKafkaBroker(libs),
            startS3Server(versitygw, join(folder, "s3")),
            startRedisServer(redisPath, join(folder, "redis")),
          ]);
          workers = await workerProcesses({ environment: environment() });
          await writeFile(join(workers.folder, "words.json"), JSON.stringify(SCRIPT));
        }, 90_000);

        afterAll(async () => {
          for (const other of others) await other.stop();
          await workers?.stop();
          await Promise.all([jaeger?.stop(), broker?.stop(), store?.stop(), redis?.stop()]);
          await rm(folder, { recursive: true, force: true });
        });

        const environment = () => ({
          ...store.environment,
          WFLO_BLOBS: `s3://${store.bucket}`,
          KAFKA_BROKERS: broker.address,
          REDIS_URL: redis.url,
          WFLO_AGENTS: "",
          WFLO_SCRIPTS: ".",
          WFLO_SANDBOX: "bubblewrap",
          WFLO_TRACE_URL: "http://traces.test/trace/{traceId}",
          OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.endpoint,
          OTEL_BSP_SCHEDULE_DELAY: "50",
        });
        const surroundings = () => ({
          cwd: workers.folder,
          env: {
            PATH: process.env.PATH,
            TEMPORAL_ADDRESS: temporalAddress(),
            WFLO_TASK_QUEUE: workers.taskQueue,
            ...environment(),
          },
        });
        const program = join(packageRoot(), "scripts/wflo.mjs");
        const cli = async (...argv: readonly string[]) =>
          (await promisify(execFile)(process.execPath, [program, ...argv], surroundings())).stdout;
        /** Of the run, once it has all been exported. */
        const traceOf = async (workflowId: string): Promise<readonly JaegerSpan[]> => {
          let found: readonly JaegerSpan[] = [];
          await eventually(async () => {
            const spans = await jaeger.spans();
            const run = spans.find((span) => isRun(span) && tagsOf(span)["gen_ai.conversation.id"] === workflowId);
            expect(run).toBeDefined();
            found = spans.filter(({ traceID }) => traceID === run?.traceID);
            expect(found.flatMap((span) => lineage(found, span))).not.toContain("(not there)");
          });
          return found;
        };
        const isRun = ({ operationName }: JaegerSpan) => operationName.startsWith("invoke_agent ");
        const named = (spans: readonly JaegerSpan[], name: string) =>
          spans.filter(({ operationName }) => operationName === name).sort((a, b) => a.startTime - b.startTime);

        test("a run is one trace, from its client to its sandbox and its events, and a killed worker doubles nothing", async () => {
          const dying = await workers.startWorker({ dieAt: "tool.done" });
          const id = "traced-run";
          const model = `scripted/${join(workers.folder, "words")}`;
          const running = cli("run", "analyst", "6 x 7?", "--model", model, "--id", id, "--budget", "0.10", "--json");
          running.catch(() => undefined);
          await dying.ended;
          await workers.startWorker();
          await workers.startWorker();
          await eventually(async () => expect(await cli("approvals", id, "--json")).toContain('"pending"'), {
            withinMs: 60_000,
          });
          await cli("approve", id, "g1", "--by", "ann");
          const { cost } = JSON.parse(await running) as { cost: { confirmedNanoUsd: number } };

          const spans = await traceOf(id);
          expect(new Set(spans.map(({ spanID }) => spanID)).size).toBe(spans.length);
          const above = ["StartWorkflow:agentRun", "invoke_agent analyst"];
          const [run] = named(spans, "invoke_agent analyst");
          expect(lineage(spans, run as JaegerSpan)).toEqual(above);
          expect(tagsOf(run as JaegerSpan)).toMatchObject({
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "analyst",
            "gen_ai.conversation.id": id,
            "gen_ai.provider.name": "openai",
            "wflo.run.status": "completed",
            "wflo.run.turns": 3,
            "wflo.run.cost.nano_usd": cost.confirmedNanoUsd,
          });
          expect(named(spans, "turn 1")).toHaveLength(1);
          expect(named(spans, "turn 3")).toHaveLength(1);
          const chats = named(spans, "chat gpt-4.1-mini");
          expect(chats.map((chat) => lineage(spans, chat))).toEqual(
            [1, 2, 3].map((turn) => [...above, `turn ${turn}`, "RunActivity:callModel", "chat gpt-4.1-mini"]),
          );
          expect(tagsOf(chats[2] as JaegerSpan)).toMatchObject({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4.1-mini",
            "gen_ai.response.finish_reasons": '["stop"]',
            "gen_ai.usage.input_tokens": 200,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.cache_read.input_tokens": 64,
            "gen_ai.usage.reasoning.output_tokens": 2,
            "span.kind": "client",
          });
          const sumOf = (name: string) => spans.reduce((sum, span) => sum + Number(tagsOf(span)[name] ?? 0), 0);
          expect(sumOf("gen_ai.usage.input_tokens")).toBe(450);
          expect(sumOf("wflo.cost.nano_usd")).toBe(cost.confirmedNanoUsd);
          // What the killed worker had done went with it; what its successor did is there, once.
          const [python, ...more] = named(spans, "execute_tool python");
          expect(more).toEqual([]);
          expect(lineage(spans, python as JaegerSpan)).toEqual([
            ...[...above, "turn 1", "RunActivity:tool.python", "execute_tool python"],
          ]);
          const [ran] = named(spans, "run_sandbox python");
          expect(lineage(spans, ran as JaegerSpan).slice(-2)).toEqual(["execute_tool python", "run_sandbox python"]);
          expect(tagsOf(ran as JaegerSpan)).toMatchObject({ "wflo.sandbox.outcome": "ok" });
          const [gate] = named(spans, "wait_approval shell");
          expect(lineage(spans, gate as JaegerSpan)).toEqual([...above, "turn 2", "wait_approval shell"]);
          expect(tagsOf(gate as JaegerSpan)).toMatchObject({ "wflo.decision": "approved", "wflo.decided_by": "ann" });
          const [sent] = named(spans, "send wflo.events");
          expect(tagsOf(sent as JaegerSpan)).toMatchObject({ "messaging.system": "kafka", "span.kind": "producer" });
          const shown = await cli("show", id);
          expect(shown).toContain(`trace    http://traces.test/trace/${run?.traceID}`);
          expect(shown).toMatch(/gate g1: ann approves/);
          // Nothing that anybody said.
          expect(JSON.stringify(spans)).not.toMatch(/6 x 7|print\(|It is 42/);
        }, 150_000);

        test("what an event causes belongs to the trace of whoever sent it", async () => {
          others.push(
            await startProcess({
              command: process.execPath,
              args: [program, "triggers"],
              ready: /triggers wflo.triggers on/,
              ...surroundings(),
            }),
          );
          await workers.startWorker();
          await writeFile(join(workers.folder, "hello.json"), JSON.stringify({ turns: [{ text: "hello" }] }));
          const { createKafkaInbox } = await import("../../adapters/kafka/inbox.js");
          const inbox = createKafkaInbox({ brokers: [broker.address], ssl: false });
          const traceId = "0af7651916cd43dd8448eb211c80319c";
          const event = {
            id: "e1",
            agent: "assistant",
            input: "hi",
            model: "scripted/hello",
          };
          await inbox.send("wflo.triggers", {
            key: null,
            value: Buffer.from(JSON.stringify(event)),
            headers: { traceparent: Buffer.from(`00-${traceId}-b7ad6b7169203331-01`) },
          });
          await inbox.close();
          await eventually(
            async () => {
              const spans = (await jaeger.spans()).filter(({ traceID }) => traceID === traceId);
              const [chat] = named(spans, "chat hello");
              expect(chat && lineage(spans, chat)).toEqual([
                ...["(not there)", "trigger wflo.triggers", "StartWorkflow:agentRun", "invoke_agent assistant"],
                ...["turn 1", "RunActivity:callModel", "chat hello"],
              ]);
            },
            { withinMs: 60_000 },
          );
        }, 90_000);
      });
    });
  });
});

import { execFile } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { createKafkaEventLog } from "../../adapters/kafka/event-log.js";
import { createKafkaInbox } from "../../adapters/kafka/inbox.js";
import { packageRoot } from "../../workers/tool-finder.js";
import { temporalAddress } from "../harness/environment.js";
import { eventually } from "../harness/eventually.js";
import { type KafkaBroker, startKafkaBroker } from "../harness/kafka-broker.js";
import { describeWith } from "../harness/real-part.js";
import { all } from "../harness/taking.js";
import { type WorkerProcesses, workerProcesses } from "../harness/worker-processes.js";

/* Workers, and the command line, with a real broker in place of files. */

const SCRIPT = { turns: [{ toolCalls: [{ name: "shell", args: { command: "echo 42" } }] }, { text: "It is 42." }] };

interface Event {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly sequence: string;
}

describeWith("kafka", (libs) => {
  let broker: KafkaBroker;
  let workers: WorkerProcesses;
  beforeAll(async () => {
    broker = await startKafkaBroker(libs, { partitions: 3 });
  }, 60_000);
  afterEach(async () => await workers.stop());
  afterAll(async () => await broker.stop());

  const start = async () => {
    workers = await workerProcesses({ environment: environment(), agents: "" });
    await writeFile(join(workers.folder, "words.json"), JSON.stringify(SCRIPT));
    await workers.startWorker();
  };
  const environment = () => ({
    KAFKA_BROKERS: broker.address,
    WFLO_STATE: "state",
    WFLO_BLOBS: "file:blobs",
    WFLO_AGENTS: "",
    WFLO_SANDBOX: "bubblewrap",
  });
  const runOne = async () =>
    await workers.startRun({ agent: "assistant", input: "6 x 7?", model: `scripted/${join(workers.folder, "words")}` });

  /** What is on the broker, each event once by its id. */
  async function eventsOf(workflowIds: readonly string[]): Promise<readonly Event[]> {
    const log = createKafkaEventLog({ brokers: [broker.address], ssl: false });
    try {
      const events = (await all(log.read("wflo.events"))).map(({ value }) => JSON.parse(value) as Event);
      const own = events.filter(({ subject }) => workflowIds.includes(subject));
      return [...new Map(own.map((event) => [event.id, event])).values()];
    } finally {
      await log.close();
    }
  }

  const cli = async (...argv: readonly string[]) => {
    const env = {
      PATH: process.env.PATH,
      TEMPORAL_ADDRESS: temporalAddress(),
      WFLO_TASK_QUEUE: workers.taskQueue,
      ...environment(),
    };
    const program = join(packageRoot(), "scripts/wflo.mjs");
    return (await promisify(execFile)(process.execPath, [program, ...argv], { env, cwd: workers.folder })).stdout;
  };

  const gapless = (events: readonly Event[], workflowId: string) => {
    const sequence = events.filter(({ subject }) => subject === workflowId).map((event) => Number(event.sequence));
    expect(sequence).toEqual(sequence.map((_, index) => index + 1));
    return sequence.length;
  };

  test("events and audit records are on the broker, in order, and nothing in files", async () => {
    await start();
    await mkdir(join(workers.folder, "state"), { recursive: true });
    const run = await runOne();
    expect(await run.result()).toMatchObject({ status: "completed", output: "It is 42." });
    await eventually(async () => {
      const events = await eventsOf([run.workflowId]);
      expect(events.map(({ type }) => type)).toContain("wflo.run.completed");
      gapless(events, run.workflowId);
    });
    expect((await readdir(join(workers.folder, "state"))).filter((name) => name.endsWith(".jsonl"))).toEqual([]);
    const printed = JSON.parse(await cli("events", "--json")) as Event[];
    expect(printed.map(({ subject }) => subject)).toContain(run.workflowId);
    expect(JSON.parse(await cli("audit", "verify", run.workflowId, "--json"))).toMatchObject({
      ok: true,
      runs: [{ history: "whole" }],
    });
    expect(await cli("doctor").catch((error: { stdout: string }) => error.stdout)).toMatch(
      /kafka: 127\.0\.0\.1:\d+: 1 broker answers/,
    );
    // Where closed runs are forgotten before an event is, it may start a second one.
    const inbox = createKafkaInbox({ brokers: [broker.address], ssl: false });
    await inbox.send("wflo.triggers", { key: null, value: Buffer.from("{}"), headers: {} });
    await inbox.close();
    expect(await cli("doctor").catch((error: { stdout: string }) => error.stdout)).toMatch(
      /FAIL +triggers: default keeps closed runs for \d+ hours, and topics keep messages longer: wflo\.triggers \(168 hours\)/,
    );
  }, 120_000);

  test("a broker that is away costs no run without code anything, and no event is lost", async () => {
    await start();
    await writeFile(join(workers.folder, "plain.json"), JSON.stringify({ turns: [{ text: "hello" }] }));
    const plain = async () =>
      await workers.startRun({ agent: "assistant", input: "hi", model: `scripted/${join(workers.folder, "plain")}` });
    const before = await plain();
    await before.result();
    await broker.kill();
    const runs = await Promise.all(Array.from({ length: 10 }, plain));
    for (const run of runs) expect(await run.result()).toMatchObject({ status: "completed" });
    // Code runs only when its record is on the log.
    const code = await runOne();
    await eventually(async () => {
      const { pendingActivities } = (await code.describe()).raw;
      expect(pendingActivities?.[0]?.activityType?.name).toBe("publishEvents");
    });
    await broker.restart();
    expect(await code.result()).toMatchObject({ status: "completed", output: "It is 42." });
    const ids = [...runs, code, before].map(({ workflowId }) => workflowId);
    await eventually(
      async () => {
        const events = await eventsOf(ids);
        const ended = events.filter(({ type }) => type === "wflo.run.completed").map(({ subject }) => subject);
        expect(ended.sort()).toEqual([...ids].sort());
        for (const id of ids) expect(gapless(events, id)).toBeGreaterThanOrEqual(3);
      },
      { withinMs: 90_000 },
    );
  }, 180_000);

  test("a hundred runs go on while the broker is killed: each ends before it is back, and its events are whole and in order", async () => {
    await start();
    const turns = [1, 2, 3].map((n) => ({ toolCalls: [{ name: "ask_human", args: { question: `${n}?` } }] }));
    await writeFile(join(workers.folder, "asks.json"), JSON.stringify({ turns: [...turns, { text: "done" }] }));
    const model = `scripted/${join(workers.folder, "asks")}`;
    const approvals = { default: "never", tools: { ask_human: "always" } } as const;
    const input = { agent: "assistant", input: "hi", model, approvals };
    const runs = await Promise.all(Array.from({ length: 100 }, async () => await workers.startRun(input)));
    const answer = async (run: (typeof runs)[number], gate: string) => {
      await eventually(
        async () => {
          await run.executeUpdate("decideApproval", {
            args: [{ gate, decision: "approve", by: "ada", comment: "yes" }],
          });
        },
        { withinMs: 60_000 },
      );
    };
    // Each is in the middle of its work, with events on the broker, when that dies.
    await Promise.all(runs.map(async (run) => await answer(run, "g1")));
    await broker.kill();
    await Promise.all(runs.map(async (run) => await answer(run, "g2")));
    await Promise.all(runs.map(async (run) => await answer(run, "g3")));
    for (const run of runs) expect(await run.result()).toMatchObject({ status: "completed", output: "done" });
    await broker.restart();
    const ids = new Set(runs.map(({ workflowId }) => workflowId));
    await eventually(
      async () => {
        const log = createKafkaEventLog({ brokers: [broker.address], ssl: false });
        const events = (await all(log.read("wflo.events"))).map(({ value }) => JSON.parse(value) as Event);
        await log.close();
        const seen = new Map<string, string[]>();
        const known = new Set<string>();
        for (const { id, subject, sequence, type } of events) {
          if (!ids.has(subject) || known.has(id)) continue;
          known.add(id);
          seen.set(subject, [...(seen.get(subject) ?? []), `${Number(sequence)} ${type}`]);
        }
        expect(seen.size).toBe(100);
        for (const told of seen.values()) {
          // In the order in which they were read, each once by its id.
          expect(told.map((one) => Number.parseInt(one, 10))).toEqual(told.map((_, index) => index + 1));
          expect(told.at(-1)).toMatch(/ wflo\.run\.completed$/);
        }
      },
      { withinMs: 120_000 },
    );
  }, 300_000);
});

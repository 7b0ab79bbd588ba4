import { execFile } from "node:child_process";
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { findTemporalCli, packageRoot } from "../../workers/tool-finder.js";
import { temporalAddress, workflowBundlePath } from "../harness/environment.js";
import { startProcess } from "../harness/processes.js";
import { describeWith } from "../harness/real-part.js";
import { type WorkerProcesses, workerProcesses } from "../harness/worker-processes.js";

/* The command as a process of its own beside a real worker: they share a folder and the server, nothing else. */

const run = promisify(execFile);
const root = packageRoot();
const COMMAND = ["--import", join(root, "scripts/typescript.mjs"), join(root, "cli/main.ts")];
const SALES = "region,product,units,price\nNorth,Lamp,12,80.00\nSouth,Chair,2,10.00\n";

const SLOW = {
  turns: [{ text: "one two three four five six seven eight nine ten ".repeat(20), delayMs: 600_000 }],
};
const WORDS = { turns: [{ text: "forty-two ".repeat(50).trim(), delayMs: 300 }] };

let workers: WorkerProcesses;

beforeAll(async () => {
  workers = await workerProcesses({ environment: { WFLO_SCRIPTS: "" } });
  await workers.startWorker();
  await writeFile(join(workers.folder, "sales.csv"), SALES);
  await writeFile(join(workers.folder, "slow.json"), JSON.stringify(SLOW));
  await writeFile(join(workers.folder, "words.json"), JSON.stringify(WORDS));
});
afterAll(async () => await workers.stop());

const environment = () => ({
  PATH: process.env.PATH,
  HOME: workers.folder,
  USER: "ana",
  TEMPORAL_ADDRESS: temporalAddress(),
  WFLO_TASK_QUEUE: workers.taskQueue,
});
const scripted = (name: string) => `scripted/${join(workers.folder, name)}`;

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function wflo(...argv: readonly string[]): Promise<Ended> {
  return await new Promise((resolve) => {
    const options = { cwd: workers.folder, env: environment(), maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, [...COMMAND, ...argv], options, (error, stdout, stderr) => {
      resolve({ exitCode: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

const start = async (...argv: readonly string[]) =>
  await startProcess({
    command: process.execPath,
    args: [...COMMAND, ...argv],
    cwd: workers.folder,
    env: environment(),
  });

describe("the command as a process", () => {
  test("prints one document on stdout with --json, streams on stderr, and ends by itself", async () => {
    const ended = await wflo("run", "assistant", "hello", "--model", scripted("words"), "--stream", "--json");
    expect(ended.exitCode).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: "completed", output: WORDS.turns[0]?.text });
    expect(ended.stderr).toContain("forty-two forty-two");
  });

  test("prints a streamed answer of a worker in another process once", async () => {
    const ended = await wflo("run", "assistant", "hello", "--model", scripted("words"), "--stream");
    expect(ended).toMatchObject({ exitCode: 0, stdout: `${WORDS.turns[0]?.text}\n` });
  });

  test("cancels its run at SIGINT, and ends with 130", async () => {
    const id = `sigint-${workers.taskQueue}`;
    const running = await start("run", "assistant", "hello", "--model", scripted("slow"), "--id", id);
    await running.line(/is thinking/);
    running.child.kill("SIGINT");
    expect(await running.ended).toBe(130);
    expect(running.output()).toContain("cancelling the run");
    const shown = JSON.parse((await wflo("show", id, "--json")).stdout);
    expect(shown).toMatchObject({ status: { state: "canceled" } });
  });

  test("leaves its run running when it is killed", async () => {
    const id = `sigterm-${workers.taskQueue}`;
    const running = await start("run", "assistant", "hello", "--model", scripted("slow"), "--id", id);
    await running.line(/is thinking/);
    await running.stop("SIGTERM");
    const shown = JSON.parse((await wflo("show", id, "--json")).stdout);
    expect(shown).toMatchObject({ status: { state: "running" } });
    expect((await wflo("cancel", id)).exitCode).toBe(0);
  });

  test("ends with 5 where there is no server, before anything else is loaded", async () => {
    const ended = await startProcess({
      command: process.execPath,
      args: [...COMMAND, "runs"],
      cwd: workers.folder,
      env: { ...environment(), TEMPORAL_ADDRESS: "127.0.0.1:1" },
    });
    expect(await ended.ended).toBe(5);
  });

  test("names a wrong agent module, and ends with 2", async () => {
    const listed = await startProcess({
      command: process.execPath,
      args: [...COMMAND, "agents"],
      cwd: workers.folder,
      env: { ...environment(), WFLO_AGENTS: "./not-there.mjs" },
    });
    expect(await listed.ended).toBe(2);
    expect(listed.output()).toContain("WFLO_AGENTS: ./not-there.mjs");
  });
});

describeWith("bubblewrap", () => {
  const id = () => `demo-${workers.taskQueue}`;

  test("a run with a file, a gate and a sandbox ends with its files, its books and its log", async () => {
    const running = await start(
      ...["run", "analyst", "What did each region sell?", "--model", "scripted/demo", "--budget", "0.05"],
      ...["--file", "sales.csv=sales.csv", "--id", id()],
    );
    await running.line(/wflo approve/);
    const [gate] = JSON.parse((await wflo("approvals", id(), "--json")).stdout);
    expect(gate).toMatchObject({ gate: "g1", tool: "shell", state: "pending" });
    expect((await wflo("approve", id(), "g1", "--digest", gate.digest)).exitCode).toBe(0);
    expect(await running.ended).toBe(0);
    expect(running.output()).toContain("totals.csv");

    const files = JSON.parse((await wflo("files", id(), "--json")).stdout);
    expect(files).toEqual([{ name: "totals.csv", ref: expect.stringMatching(/^sha256:/) }]);
    expect((await wflo("files", id(), "totals.csv")).stdout).toBe("North,960.00\nSouth,20.00\n");
    await mkdir(join(workers.folder, "here"));
    expect((await wflo("files", id(), "--out", "here")).exitCode).toBe(0);
    expect(await readFile(join(workers.folder, "here/totals.csv"), "utf8")).toBe("North,960.00\nSouth,20.00\n");
  });

  test("its events and audit records are in the folder, and a changed record is found", async () => {
    const events = JSON.parse((await wflo("events", "--json")).stdout) as { subject: string; type: string }[];
    const types = events.filter(({ subject }) => subject === id()).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(["wflo.run.started", "wflo.sandbox.executed", "wflo.run.completed"]));
    expect(await wflo("audit", "verify", id())).toMatchObject({ exitCode: 0 });

    const log = join(workers.folder, ".wflo/audit.jsonl");
    const first = JSON.parse(String((await readFile(log, "utf8")).split("\n")[0]));
    const settings = { WFLO_TASK_QUEUE: workers.taskQueue, TEMPORAL_ADDRESS: temporalAddress() };
    const facts = { queues: [workers.taskQueue, `${workers.taskQueue}-sandbox`], settings };
    expect(first).toMatchObject({ action: "worker.started", seq: 1, facts });
    const whole = await readFile(log, "utf8");
    const lines = whole.split("\n");
    const approval = lines.findIndex((line) => line.includes(id()) && line.includes("approval.approve"));
    lines[approval] = String(lines[approval]).replace('"by":"ana"', '"by":"eve"');
    await writeFile(log, lines.join("\n"));
    const broken = await wflo("audit", "verify", id());
    expect(broken).toMatchObject({
      exitCode: 1,
      stdout: expect.stringMatching(/BROKEN at record \d+: record \d+ was changed/),
    });
    await writeFile(log, whole);
  });

  test("sandbox check is well on this host", async () => {
    const { exitCode, stdout } = await wflo("sandbox", "check", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ ok: true });
    expect(exitCode).toBe(0);
  });
});

describe("wflo replay", () => {
  const id = () => `replayed-${workers.taskQueue}`;
  const bundle = () => workflowBundlePath();

  beforeAll(async () => {
    await wflo("run", "assistant", "hello", "--model", scripted("words"), "--id", id());
  });

  test("of a run, and of its history in a file, is the same as what happened", async () => {
    const replayed = await wflo("replay", id(), "--bundle", bundle(), "--json");
    expect(replayed.stderr).toBe("");
    expect(JSON.parse(replayed.stdout)).toEqual([{ workflowId: id(), ok: true }]);
    const temporal = (await findTemporalCli()).path;
    const show = ["workflow", "show", "--workflow-id", id(), "--output", "json", "--address", temporalAddress()];
    const { stdout: history } = await run(temporal, show);
    await writeFile(join(workers.folder, "history.json"), history);
    const fromFile = await wflo("replay", "history.json", "--bundle", bundle());
    expect(fromFile).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/history\.json +ok/) });
  });

  test("against workflows that would do something else ends with 1 and says what differs", async () => {
    const other = join(workers.folder, "other-bundle.js");
    const text = await readFile(bundle(), "utf8");
    await writeFile(other, text.replaceAll("callModel", "callAnother"));
    const replayed = await wflo("replay", id(), "--bundle", other);
    expect(replayed).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("DIFFERS") });
  });

  test("says what is wrong with a file that is no history", async () => {
    await appendFile(join(workers.folder, "notes.json"), '{"not":"a history"}');
    const replayed = await wflo("replay", "notes.json", "--bundle", bundle());
    expect(replayed).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("is not a history") });
    expect(await wflo("replay", "no-such-run", "--bundle", bundle())).toMatchObject({ exitCode: 2 });
    expect(await wflo("replay", "--bundle", "not-there.js")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("no workflow bundle"),
    });
  });
});

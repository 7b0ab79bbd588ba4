import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { devServerArguments } from "../workers/dev-server-flags.js";
import { freePort } from "../workers/free-port.js";
import { findTemporalCli, packageRoot } from "../workers/tool-finder.js";
import { ANSWER_TEXT } from "./bare-activities.js";

/** What all variants share: one server with the flags of `wflo dev`, and a folder for this run of the benchmark. */
export interface Bench {
  readonly address: string;
  readonly folder: string;
  readonly serverPid: number;
  startBareWorker(): Promise<BenchProcess>;
  /** @param environment besides what all workers have */
  startWfloWorker(name: string, environment?: NodeJS.ProcessEnv): Promise<BenchProcess>;
  stop(): Promise<void>;
}

export interface BenchProcess {
  readonly pid: number;
  /** The last of what it has printed. */
  readonly output: () => string;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Scripts of so many turns are there for the scripted model. */
export const SCRIPTED_TURNS = [1, 20, 100, 200, 1_000] as const;

export async function startBench(): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), "wflo-bench-"));
  const cli = await findTemporalCli({ report: (line) => console.error(line) });
  const port = await freePort();
  const args = devServerArguments({ port, databaseFile: join(folder, "temporal.db") });
  const server = await start("temporal", cli.path, args, process.env, /^Temporal Server:/m);
  const address = `127.0.0.1:${port}`;
  await writeScripts(join(folder, "scripts"));
  const started: BenchProcess[] = [server];
  const track = async (process: Promise<BenchProcess>) => {
    started.push(await process);
    return await process;
  };
  const root = packageRoot();
  return {
    address,
    folder,
    serverPid: server.pid,
    startBareWorker: async () =>
      await track(
        start(
          "bare worker",
          process.execPath,
          ["--import", join(root, "scripts/typescript.mjs"), join(root, "bench/bare-worker.ts")],
          { ...process.env, TEMPORAL_ADDRESS: address, BENCH_QUEUE: "bare" },
          /is polling/,
        ),
      ),
    startWfloWorker: async (name, environment = {}) =>
      await track(
        start(
          name,
          process.execPath,
          [join(root, "scripts/wflo.mjs"), "worker"],
          {
            ...process.env,
            TEMPORAL_ADDRESS: address,
            WFLO_AGENTS: join(root, "bench/agents.mjs"),
            WFLO_SCRIPTS: join(folder, "scripts"),
            WFLO_BLOBS: `file:${join(folder, "blobs")}`,
            WFLO_STATE: join(folder, "state"),
            WFLO_HTTP_PORT: "0",
            WFLO_LOG_LEVEL: "info",
            ...environment,
          },
          environment.WFLO_HTTP_PORT === "off" ? /worker for/ : /metrics and health on/,
        ),
      ),
    async stop() {
      for (const process of started.reverse()) await process.kill("SIGTERM");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function writeScripts(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const tool of ["note", "note_locally"]) {
    for (const turns of SCRIPTED_TURNS) {
      const script = Array.from({ length: turns }, (_, index) => ({
        text: ANSWER_TEXT,
        ...(index + 1 < turns ? { toolCalls: [{ name: tool, args: { text: `step ${index + 1}` } }] } : {}),
        usage: { inputTokens: 1_000, outputTokens: 150 },
      }));
      await writeFile(
        join(folder, `${tool}-${turns}.json`),
        JSON.stringify({ turns: script, model: "openai/gpt-6-luna" }),
      );
    }
  }
  const slow = { text: "late", delayMs: 20_000, usage: { inputTokens: 100, outputTokens: 10 } };
  await writeFile(join(folder, "slow.json"), JSON.stringify({ turns: [slow], model: "openai/gpt-6-luna" }));
}

async function start(
  name: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  ready: RegExp,
): Promise<BenchProcess> {
  const child: ChildProcess = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let isOver = false;
  const ended = new Promise<void>((resolve) =>
    child.once("exit", () => {
      isOver = true;
      resolve();
    }),
  );
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    void ended.then(() => reject(new Error(`${name} ended:\n${output}`)));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(-20_000);
        if (ready.test(output)) resolve();
      });
    }
  });
  return {
    pid: child.pid ?? 0,
    output: () => output,
    async kill(signal) {
      if (!isOver) child.kill(signal);
      await ended;
    },
  };
}

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ClientError } from "../../client/client-error.js";
import { connect, type StartedRun, type WfloClient } from "../../client/index.js";
import type { LedgerEntry } from "../../core/ledger-entries.js";
import { type Evidence, problemsOf } from "../../core/proof.js";
import type { RunResult } from "../../core/run.js";
import type { Checkpoint } from "../../ports/checkpoints.js";
import { startDevServer } from "../../workers/dev-server.js";
import { freePort } from "../../workers/free-port.js";
import { findOnPath } from "../../workers/tool-finder.js";
import { COUNTING_PRICES, type CountingProvider, startCountingProvider } from "./counting-provider.js";
import { type Fault, TURNS } from "./plan.js";
import { type Started, startProgram } from "./processes.js";

/** A fault that was tried, with both ledgers; or why it was not. */
export interface Proof {
  readonly fault: Fault;
  readonly evidence?: Evidence;
  readonly problems: readonly string[];
  readonly skipped?: string;
}

/** More than the run costs and one lost answer at its bound, less than two. */
const CAP_USD = "0.0065";
const CAP_NANO_USD = 6_500_000;

/** A run that has not ended by then, or a worker that has not died, is a finding, in milliseconds. */
const PATIENCE_MS = 90_000;

interface ProveOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly report: (line: string) => void;
  readonly onProof: (proof: Proof) => void;
  /** @default 90 s */
  readonly patienceMs?: number;
}

interface World {
  readonly patienceMs: number;
  readonly client: WfloClient;
  readonly provider: CountingProvider;
  readonly redis: { readonly url: string; restart(): Promise<void> } | undefined;
  startWorker(dieAt?: Checkpoint): Promise<Started>;
}

/**
 * Tries each fault on a server, workers and a provider of its own, and compares both ledgers.
 * @param onProof told after each @throws Error where the server or a worker cannot be started
 */
export async function prove(plan: readonly Fault[], options: ProveOptions): Promise<readonly Proof[]> {
  const closers: (() => Promise<void>)[] = [];
  try {
    const world = await openWorld(options, closers);
    const proofs: Proof[] = [];
    for (const fault of plan) {
      const proof = await proofOf(world, fault);
      options.onProof(proof);
      proofs.push(proof);
    }
    return proofs;
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

async function openWorld(
  { environment, report, patienceMs = PATIENCE_MS }: ProveOptions,
  closers: (() => Promise<void>)[],
): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), "wflo-prove-"));
  closers.push(async () => await rm(folder, { recursive: true, force: true }));
  const provider = await startCountingProvider();
  closers.push(async () => await provider.close());
  const server = await startDevServer({ port: await freePort(), databaseFile: join(folder, "temporal.db") }, report);
  closers.push(async () => await server.stop());
  const redis = await ownRedis(environment, folder, closers);
  const prices = join(folder, "prices.json");
  await writeFile(prices, JSON.stringify(COUNTING_PRICES));
  const own = workerEnvironment(environment, {
    TEMPORAL_ADDRESS: server.address,
    WFLO_AGENTS: fileURLToPath(new URL("./agent.js", import.meta.url)),
    WFLO_STATE: join(folder, "state"),
    WFLO_BLOBS: `file:${join(folder, "blobs")}`,
    WFLO_PRICES: prices,
    OPENAI_COMPATIBLE_BASE_URL: provider.url,
    OPENAI_COMPATIBLE_API_KEY: "not-a-key",
    ...(redis ? { REDIS_URL: redis.url } : {}),
  });
  const client = await connect({ environment: own });
  closers.push(async () => await client.close());
  return {
    patienceMs,
    client,
    provider,
    redis,
    async startWorker(dieAt) {
      const program = fileURLToPath(new URL("./worker.js", import.meta.url));
      const args = [program, ...(dieAt === undefined ? [] : [dieAt])];
      const worker = await startProgram(process.execPath, args, { environment: own, ready: /the worker is polling/ });
      closers.push(async () => await worker.stop("SIGKILL"));
      return worker;
    },
  };
}

/** Only what finds programs is taken from outside: a proof must not run on somebody's Redis, keys or server. */
function workerEnvironment(environment: NodeJS.ProcessEnv, own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = ["PATH", "HOME", "WFLO_CACHE_DIR", "TEMPORAL_CLI_PATH", "XDG_CACHE_HOME"];
  const outside = Object.fromEntries(kept.map((name) => [name, environment[name]]));
  return { ...outside, WFLO_HTTP_PORT: "off", WFLO_LOG_LEVEL: "silent", WFLO_SANDBOX: "none", ...own };
}

/** A Redis of our own, where `redis-server` is on the PATH: the user's own is not ours to kill. */
async function ownRedis(environment: NodeJS.ProcessEnv, folder: string, closers: (() => Promise<void>)[]) {
  const program = findOnPath("redis-server", environment);
  if (program === undefined) return undefined;
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder];
  const start = async () =>
    await startProgram(program, args, { environment: { ...environment }, ready: /Ready to accept connections/ });
  let running = await start();
  closers.push(async () => await running.stop("SIGTERM"));
  return {
    url: `redis://127.0.0.1:${port}`,
    async restart() {
      await running.stop("SIGKILL");
      running = await start();
    },
  };
}

async function proofOf(world: World, fault: Fault): Promise<Proof> {
  if (fault.redis && !world.redis) return { fault, problems: [], skipped: "there is no redis-server on the PATH" };
  const words = `Under this fault: ${fault.name}.`;
  if (fault.conduct) world.provider.misbehave(words, fault.conduct);
  const first = await world.startWorker(fault.dieAt);
  const run = await world.client.run({ agent: "prover", input: words, budget: { limitUsd: CAP_USD } });
  const ended = run.result().catch((error: Error) => error);
  const untried: string[] = [];
  let second: Started | undefined;
  try {
    if (fault.dieAt !== undefined) {
      // A run cannot end without its worker: where it has, nothing died.
      const died = await within(
        world.patienceMs,
        Promise.race([first.ended.then(() => true), ended.then(() => false)]),
      );
      if (died) second = await world.startWorker();
      else untried.push(`no worker came to ${fault.dieAt}`);
    }
    if (fault.redis) {
      await untilBilled(world, words);
      await world.redis?.restart();
    }
    const result = await within(world.patienceMs, ended);
    const evidence = await evidenceOf(world, fault, run, words, result);
    return { fault, evidence, problems: [...untried, ...problemsOf(evidence)] };
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return { fault, problems: [...untried, `the books cannot be read: ${error.message}`] };
  } finally {
    // One that goes on would be asked for over a connection that is closed.
    await run.terminate("wflo prove is done with it").catch(() => {});
    await within(PATIENCE_MS, ended);
    await first.stop("SIGTERM");
    await second?.stop("SIGTERM");
  }
}

async function untilBilled({ provider, patienceMs }: World, words: string): Promise<void> {
  const until = performance.now() + patienceMs;
  while (provider.billedFor(words).length === 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** What a promise comes to; undefined where that takes too long. */
async function within<T>(patienceMs: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patienceMs);
  });
  try {
    return await Promise.race([promise, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

async function evidenceOf(
  world: World,
  fault: Fault,
  run: StartedRun,
  words: string,
  result: RunResult | Error | undefined,
): Promise<Evidence> {
  const isResult = result !== undefined && !(result instanceof Error);
  const budget = await run.budget();
  const { spentNanoUsd, unconfirmedNanoUsd } = budget;
  return {
    capNanoUsd: CAP_NANO_USD,
    status: isResult
      ? result.status
      : result instanceof Error
        ? result.message
        : `not ended after ${world.patienceMs / 1_000} s`,
    confirmedNanoUsd: spentNanoUsd,
    unconfirmedNanoUsd,
    entries: budget.entries as readonly LedgerEntry[],
    billed: world.provider.billedFor(words),
    mostRequests: TURNS + fault.extraRequests,
  };
}

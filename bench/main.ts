import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import { reportAccounts } from "./accounts.js";
import { reportBound } from "./bound.js";
import { reportEvents } from "./events.js";
import { measure, median, newFileUs, paceOf, type RunOnce, rangeOf, rssMib, type Sample, warmUp } from "./measure.js";
import { pauseMs, recoveryMs } from "./recovery.js";
import { reportRedis } from "./redis.js";
import { agentRun, bareRun } from "./runs.js";
import { reportSandbox } from "./sandbox.js";
import { type Bench, startBench } from "./servers.js";
import { reportSideBySide } from "./side-by-side.js";
import { reportTelemetry } from "./telemetry.js";

/*
 * `npm run bench`: a turn of Wflo beside a bare Temporal workflow with the same two activities, on the same server, one
 * after the other in each round. Ratios and counts repeat; milliseconds of a shared machine do not.
 *
 *   npm run bench -- --rounds 3 --quick
 *   npm run bench -- --only turns|accounts|redis|bound|sandbox|events|telemetry
 */

const quick = process.argv.includes("--quick");
const rounds = Number(process.argv[process.argv.indexOf("--rounds") + 1]) || (quick ? 2 : 5);
const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : undefined;

/**
 * What is measured. A sample has turns enough for ticks of 10 ms to say a tenth of a millisecond; where it is short, there
 * are more rounds, because single ones differ by more than what is looked for.
 */
const SHAPES = [
  { title: "one run alone", turns: 100, runs: 1, times: 1, rounds: 4 * rounds },
  { title: "50 runs at once", turns: 20, runs: 50, times: 1, rounds },
  { title: "a run of one turn, alone", turns: 1, runs: 1, times: 20, rounds },
] as const;

if (only === "redis") await reportRedis(rounds);
else if (only === "bound") await reportBound();
else if (only === "sandbox") await reportSandbox();
else if (only === "events") await reportEvents(rounds);
else if (only === "telemetry") await reportTelemetry(rounds);
else if (only === undefined || only === "turns" || only === "accounts") await onServer();
else
  throw new Error(
    `--only ${only}: there are "turns", "accounts", "redis", "bound", "sandbox", "events" and "telemetry"`,
  );

async function onServer(): Promise<void> {
  const bench = await startBench();
  try {
    if (only === "accounts") await accountsAlone(bench);
    else {
      await report(bench);
      // Before the folder of the first server is removed: that makes the disk slow for minutes.
      await reportSideBySide(rounds, quick);
    }
  } finally {
    await bench.stop();
  }
  if (only !== undefined) return;
  await reportRedis(rounds);
  await reportBound();
  await reportSandbox();
  await reportEvents(rounds);
  await reportTelemetry(rounds);
}

async function report(bench: Bench): Promise<void> {
  const connection = await Connection.connect({ address: bench.address });
  const client = new Client({ connection });
  const bare = await bench.startBareWorker();
  const wflo = await bench.startWfloWorker("wflo worker");
  const variants: { name: string; pids: readonly number[]; run: RunOnce }[] = [
    { name: "bare Temporal", pids: [bench.serverPid, bare.pid], run: bareRun(client) },
    { name: "wflo", pids: [bench.serverPid, wflo.pid], run: agentRun(client, "note") },
    { name: "wflo, local tool", pids: [bench.serverPid, wflo.pid], run: agentRun(client, "note_locally") },
  ];
  for (const { pids, run } of variants) await measure(client, pids, run, warmUp(quick));
  for (const { title, rounds, ...shape } of SHAPES) {
    const samples = new Map<string, Sample[]>(variants.map(({ name }) => [name, []]));
    const files: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      files.push(newFileUs(join(bench.folder, "blobs/journal/00")));
      // In turns, since what a variant leaves for later (timers of the server, garbage) is paid for by the next.
      for (const { name, pids, run } of round % 2 === 0 ? variants : variants.toReversed()) {
        samples.get(name)?.push(await measure(client, pids, run, shape));
      }
    }
    print(`${title}, turns each: ${shape.turns}, rounds: ${rounds}`, samples);
    console.log(`making a file took ${rangeOf(files)} µs; Wflo makes three a turn`);
  }
  if (only === "turns") return await connection.close();
  await reportAccounts(bench, client, rounds);
  await longRun(client, quick ? 200 : 1_000, wflo.pid);
  console.log(`pause in the middle of a model call → call cut and booked: ${await pauseMs(client)} ms`);
  await wflo.kill("SIGTERM");
  console.log(`kill -9 of the worker in a model call → next model call: ${await recoveryMs(bench, client)} ms`);
  await connection.close();
}

async function accountsAlone(bench: Bench): Promise<void> {
  const connection = await Connection.connect({ address: bench.address });
  await bench.startWfloWorker("wflo worker");
  await reportAccounts(bench, new Client({ connection }), rounds);
  await connection.close();
}

async function longRun(client: Client, turns: number, pid: number): Promise<void> {
  const before = rssMib(pid);
  const workflowId = await agentRun(client, "note")(turns);
  const pace = (await paceOf(client, workflowId)).toFixed(2);
  console.log(`\none run of ${turns} turns: its last 20 took ${pace} × the time of its first 20`);
  console.log(`memory of the worker before and after it: ${before} and ${rssMib(pid)} MiB`);
}

function print(title: string, samples: ReadonlyMap<string, readonly Sample[]>): void {
  console.log(`\n${title}`);
  const columns = ["msPerTurn", "cpuMsPerTurn", "turnsPerSecond", "eventsPerTurn", "bytesPerTurn"] as const;
  console.log(["".padEnd(18), ...columns.map((column) => column.padStart(24))].join(""));
  const [first] = samples.values();
  for (const [name, own] of samples) {
    const cells = columns.map((column) => {
      const values = own.map((sample) => sample[column]);
      const ratio = median(values) / median((first ?? []).map((sample) => sample[column]));
      return `${rangeOf(values)} ${ratio.toFixed(2)}×`.padStart(24);
    });
    console.log([name.padEnd(18), ...cells].join(""));
  }
  const [[base, before] = [], ...others] = samples;
  for (const [name, own] of others) {
    // Round by round, because the machine's pace drifts more than what is measured here.
    const more = (column: (typeof columns)[number]) =>
      rangeOf(own.map((sample, round) => sample[column] - (before?.[round]?.[column] ?? Number.NaN)));
    console.log(`${name} over ${base}, round by round: ${more("msPerTurn")} ms, ${more("cpuMsPerTurn")} CPU-ms a turn`);
  }
}

import { Client, Connection } from "@temporalio/client";
import { measure, type RunOnce, rangeOf, warmUp } from "./measure.js";
import { agentRun, bareRun } from "./runs.js";
import { type Bench, type BenchProcess, startBench } from "./servers.js";

/** A server and a worker of its own. */
interface Side {
  readonly bench: Bench;
  readonly connection: Connection;
  readonly client: Client;
  readonly pids: readonly number[];
  readonly run: RunOnce;
}

const SHAPES = [
  { title: "one run alone", turns: 100, runs: 1, times: 5 },
  { title: "50 runs at once", turns: 20, runs: 50, times: 1 },
] as const;

/**
 * A turn's CPU, bare and Wflo's at the same time, each with a server of its own: a machine whose pace changes between two samples
 * changes it for both here. What they say of time is worth nothing, as they take it from each other.
 */
export async function reportSideBySide(rounds: number, quick: boolean): Promise<void> {
  const sides: Side[] = [];
  try {
    sides.push(await sideOf(async (bench) => await bench.startBareWorker(), bareRun));
    sides.push(
      await sideOf(
        async (bench) => await bench.startWfloWorker("wflo worker"),
        (client) => agentRun(client, "note"),
      ),
    );
    await measureBoth(sides, warmUp(quick));
    for (const shape of SHAPES) await reportShape(sides, shape, rounds);
  } finally {
    for (const { connection } of sides) await connection.close();
    for (const { bench } of sides) await bench.stop();
  }
}

async function reportShape(sides: readonly Side[], shape: (typeof SHAPES)[number], rounds: number): Promise<void> {
  const cpu: (readonly number[])[] = [];
  for (let round = 0; round < rounds; round += 1) cpu.push(await measureBoth(sides, shape));
  const of = (read: (bare: number, wflo: number) => number) =>
    rangeOf(cpu.map(([bare = Number.NaN, wflo = Number.NaN]) => read(bare, wflo)));
  console.log(`\n${shape.title}, both at the same time, turns each: ${shape.turns}, rounds: ${rounds}`);
  console.log(`CPU-ms a turn: bare Temporal ${of((bare) => bare)}, wflo ${of((_bare, wflo) => wflo)}`);
  console.log(`wflo over bare Temporal: ${of((bare, wflo) => wflo - bare)} CPU-ms a turn`);
}

/** CPU-ms a turn of each. */
async function measureBoth(
  sides: readonly Side[],
  shape: { readonly turns: number; readonly runs: number; readonly times: number },
): Promise<readonly number[]> {
  const samples = sides.map(async ({ client, pids, run }) => await measure(client, pids, run, shape));
  return (await Promise.all(samples)).map(({ cpuMsPerTurn }) => cpuMsPerTurn);
}

async function sideOf(
  startWorker: (bench: Bench) => Promise<BenchProcess>,
  runOf: (client: Client) => RunOnce,
): Promise<Side> {
  const bench = await startBench();
  try {
    const connection = await Connection.connect({ address: bench.address });
    const client = new Client({ connection });
    const worker = await startWorker(bench);
    return { bench, connection, client, pids: [bench.serverPid, worker.pid], run: runOf(client) };
  } catch (error) {
    await bench.stop();
    throw error;
  }
}

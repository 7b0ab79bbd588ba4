import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Client, Connection } from "@temporalio/client";
import { cpuMs, median } from "./measure.js";
import { agentRun } from "./runs.js";
import { startBench } from "./servers.js";

/* What being seen costs a worker: the same runs with everything off, and with more and more on, one after the other in each round. */

const TURNS = 20;
const AT_ONCE = 10;
/** Prometheus's default is 15 s. */
const SCRAPE_EVERY_MS = 5_000;

export async function reportTelemetry(rounds: number): Promise<void> {
  const bench = await startBench();
  let spans = 0;
  const receiver = createServer((request, response) => {
    request.resume().on("end", () => response.end());
    spans += 1;
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const traces = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };
  const variants = [
    { name: "all off", environment: { WFLO_HTTP_PORT: "off" } },
    { name: "metrics, scraped", environment: {} },
    { name: "traces", environment: { ...traces, WFLO_HTTP_PORT: "off" } },
    { name: "all on", environment: traces },
    { name: "all on, a hundredth sampled", environment: { ...traces, ...HUNDREDTH } },
  ];
  const scrapes: NodeJS.Timeout[] = [];
  try {
    const client = new Client({ connection: await Connection.connect({ address: bench.address }) });
    const measured = new Map<string, number[]>();
    const workers = [];
    for (const [index, { name, environment }] of variants.entries()) {
      const taskQueue = `wflo-${index}`;
      const worker = await bench.startWfloWorker(name, { WFLO_TASK_QUEUE: taskQueue, ...environment });
      const url = /http:\/\/localhost:\d+\/metrics/.exec(worker.output())?.[0];
      if (url) scrapes.push(setInterval(() => void scrape(url), SCRAPE_EVERY_MS));
      const run = agentRun(client, "note", taskQueue);
      workers.push({ name, pid: worker.pid, run });
      for (let warm = 0; warm < 2; warm += 1)
        await Promise.all(Array.from({ length: AT_ONCE }, async () => await run(TURNS)));
    }
    const server: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const { name, pid, run } of workers) {
        const before = { worker: cpuMs(pid), server: cpuMs(bench.serverPid) };
        await Promise.all(Array.from({ length: AT_ONCE }, async () => await run(TURNS)));
        const turns = AT_ONCE * TURNS;
        measured.set(name, [...(measured.get(name) ?? []), (cpuMs(pid) - before.worker) / turns]);
        server.push((cpuMs(bench.serverPid) - before.server) / turns);
      }
    }
    print(measured, { rounds, server: median(server) });
    if (spans === 0) throw new Error("no span came, so nothing was measured");
    await client.connection.close();
  } finally {
    for (const one of scrapes) clearInterval(one);
    await bench.stop();
    receiver.closeAllConnections();
    receiver.close();
  }
}

const HUNDREDTH = { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.01" };

async function scrape(url: string): Promise<void> {
  await fetch(url, { headers: { accept: "application/openmetrics-text" } })
    .then(async (answer) => await answer.text())
    .catch(() => undefined);
}

function print(
  measured: ReadonlyMap<string, readonly number[]>,
  { rounds, server }: { readonly rounds: number; readonly server: number },
): void {
  console.log(
    `\nwhat being seen costs: CPU-ms of the worker a turn, ${AT_ONCE} runs of ${TURNS} turns at once, ${rounds} rounds`,
  );
  const off = measured.get("all off") ?? [];
  const turn = median(off) + server;
  for (const [name, values] of measured) {
    const range = `${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)}`;
    // Round by round, because the machine's pace drifts more than what is measured here.
    const more = median(values.map((value, round) => value - (off[round] ?? value)));
    const share = `${more >= 0 ? "+" : ""}${((100 * more) / turn).toFixed(1)} % of a turn`;
    console.log(`${name.padEnd(30)}${median(values).toFixed(2)} (${range})  ${share}`);
  }
  console.log(`a turn is the worker's share with all off, and ${server.toFixed(2)} of the server`);
}

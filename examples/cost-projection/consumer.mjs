// What runs cost, by agent, kept up to date from Wflo's events on Kafka. Its sums, what it knows of runs and its place in each partition are in one
// file that is replaced at once: whenever it dies, it goes on with sums and place that belong together, so that no event counts twice or not at all.
//
//   KAFKA_BROKERS=localhost:9092 node consumer.mjs costs.json
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Kafka, logLevel } from "kafkajs";

const file = process.argv[2] ?? "costs.json";
const topic = process.env.WFLO_EVENTS_TOPIC ?? "wflo.events";

/** `last`: the newest event of each run that counted. An event that comes again has a sequence that is not above it. */
const state = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { offsets: {}, agents: {}, runs: {} };

function count(event) {
  const run = event.id.slice(0, event.id.lastIndexOf("/"));
  // A correction after a run's end has no sequence; its id says what it corrects.
  const known = state.runs[run] ?? { last: 0, agent: null, corrected: [] };
  if (event.sequence === undefined ? known.corrected.includes(event.id) : Number(event.sequence) <= known.last) return;
  if (event.sequence === undefined) known.corrected.push(event.id);
  else known.last = Number(event.sequence);
  if (event.type === "wflo.run.started") known.agent ??= event.data.agent;
  state.runs[run] = known;
  if (event.type !== "wflo.model.called" && event.type !== "wflo.tool.called") return;
  const agent = known.agent ?? "unknown";
  // Nano-dollars are whole numbers: they add up exactly.
  const nanoUsd = (event.data.nanoUsd ?? 0) + (event.data.unconfirmedNanoUsd ?? 0);
  state.agents[agent] = (state.agents[agent] ?? 0) + nanoUsd;
}

function save() {
  writeFileSync(`${file}.new`, JSON.stringify(state));
  renameSync(`${file}.new`, file);
}

const kafka = new Kafka({
  clientId: "cost-projection",
  brokers: (process.env.KAFKA_BROKERS ?? "localhost:9092").split(","),
  logLevel: logLevel.NOTHING,
});
const consumer = kafka.consumer({ groupId: "cost-projection" });
// The file says where to go on, and not the group.
consumer.on(consumer.events.GROUP_JOIN, () => {
  for (const [partition, offset] of Object.entries(state.offsets)) {
    consumer.seek({ topic, partition: Number(partition), offset });
  }
});
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch, heartbeat, resolveOffset }) => {
    for (const message of batch.messages) {
      if (BigInt(message.offset) < BigInt(state.offsets[batch.partition] ?? 0)) continue;
      count(JSON.parse(message.value.toString()));
      state.offsets[batch.partition] = String(BigInt(message.offset) + 1n);
      resolveOffset(message.offset);
    }
    save();
    const total = Object.values(state.agents).reduce((sum, nanoUsd) => sum + nanoUsd, 0);
    console.log(`${(total / 1e9).toFixed(9)} USD`, state.agents);
    await heartbeat();
  },
});

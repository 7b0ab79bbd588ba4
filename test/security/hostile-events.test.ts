import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createFileInbox } from "../../adapters/file/inbox.js";
import { eventually } from "../harness/eventually.js";
import { all } from "../harness/taking.js";
import { startTriggerWorld, type TriggerWorld } from "../harness/trigger-world.js";
import { amount, SEED } from "./amount.js";
import { ADVERSARIAL, randomDocuments } from "./payloads.js";

/* Whoever may write to a trigger's topic writes anything at all: it is a run that somebody may start, or a dead letter with its bytes;
 * the consumer lives, and what stands behind it goes through. */

const AGENTS = `
import { defineAgent, defineTrigger } from "wflo";
import { z } from "zod";
export const helper = defineAgent({ name: "helper", instructions: "", model: "scripted/plain" });
export const own = defineTrigger({
  name: "own", topic: "own", schema: z.object({ id: z.string(), who: z.object({ name: z.string() }) }),
  filter: (event) => event.kind.toLowerCase() !== "other",
  map: ({ who }) => ({ agent: "helper", input: who.name }),
});`;

/** Events that are nearly right ones. */
const NEARLY: readonly object[] = [
  { agent: "helper", input: "hi", id: "../../etc/passwd" },
  { agent: "helper", input: "hi", id: "a\u0000b" },
  { agent: "helper", input: "hi", id: "x".repeat(100_000) },
  { agent: "helper", input: "hi", id: { toString: "x" } },
  { agent: "__proto__", input: "hi", id: "n-1" },
  { agent: "constructor", input: "hi", id: "n-2" },
  { agent: ["helper"], input: "hi", id: "n-3" },
  { agent: "helper", input: { ref: "file:///etc/passwd" }, id: "n-4" },
  { agent: "helper", input: "hi", id: "n-5", model: "scripted//etc/passwd" },
  { agent: "helper", input: "hi", id: "n-6", models: ["scripted/../../../etc/passwd"] },
  { agent: "helper", input: "hi", id: "n-7", files: { "../../x": "y" } },
  { agent: "helper", input: "hi", id: "n-8", budget: { limitUsd: "-1" } },
  { agent: "helper", input: "hi", id: "n-9", maxTurns: 1e300 },
  { id: "n-10", workflowId: "budget:acme", signal: "terminate", payload: {} },
  { id: "n-11", workflowId: "trigger:own:x' OR 1=1 --", signal: "message", payload: { text: "hi" } },
  { id: "n-12", workflowId: "w".repeat(5_000), signal: "message", payload: { text: "hi" } },
  { id: "n-13", workflowId: "\u001b[2J", signal: "approve", payload: { gate: "g1", by: "eve" } },
];

let world: TriggerWorld;
beforeAll(async () => {
  world = await startTriggerWorld({ agents: AGENTS });
  await world.workers.startWorker();
}, 60_000);
afterAll(async () => await world.stop());

test("hostile events end as dead letters with their bytes, and the consumer goes on", async () => {
  const state = join(world.workers.folder, "state");
  await mkdir(state, { recursive: true });
  const documents = [
    ...ADVERSARIAL.map(([, text]) => text),
    ...NEARLY.map((event) => JSON.stringify(event)),
    ...randomDocuments(amount({ quick: 100, full: 2_000 }), SEED),
    ...["{", "\u0000", "\ufeff{}", "[".repeat(100_000), '{"id":"\\ud800","agent":"helper","input":"hi"}'],
  ].map((text) => text.replaceAll(/[\r\n]/g, " "));
  const triggers = await world.startTriggers();
  const sentinel = JSON.stringify({ id: "sentinel", agent: "helper", input: "hi" });
  const own = JSON.stringify({ id: "sentinel", kind: "mine", who: { name: "ada" } });
  await appendFile(join(state, "wflo.triggers.jsonl"), [...documents, sentinel, ""].join("\n"));
  await appendFile(join(state, "own.jsonl"), [...documents, own, ""].join("\n"));
  await eventually(
    async () => {
      expect(await world.runs("trigger:wflo.triggers:sentinel")).toHaveLength(1);
      expect(await world.runs("trigger:own:sentinel")).toHaveLength(1);
    },
    { withinMs: 120_000 },
  );
  expect(triggers.child.exitCode).toBeNull();
  const inbox = createFileInbox({ folder: state, topics: { events: "wflo.events", audit: "wflo.audit" } });
  const lines = documents.filter((text) => text.trim() !== "");
  for (const topic of ["wflo.triggers", "own"]) {
    const letters = await all(inbox.messages(`${topic}.dlq`));
    const bytes = letters.map(({ value }) => Buffer.from(value ?? "").toString());
    const started = await world.runs(`trigger:${topic}:`);
    // What is neither a run nor a dead letter would be lost.
    const acted = started.filter((id) => !id.endsWith(":sentinel")).length;
    expect(letters.length + acted).toBe(lines.length);
    expect(lines.filter((text) => !bytes.includes(text)).length).toBe(acted);
    for (const { headers } of letters) expect(Buffer.from(headers["wflo-error"] ?? "").length).toBeGreaterThan(0);
  }
  await inbox.close();
  // Nothing of it is a run of anybody's but those that were asked for rightly.
  for (const id of await world.runs("trigger:")) expect(id).toMatch(/^trigger:(own|wflo\.triggers):/);
  for (const line of (await world.cli("dlq", "list")).split("\n")) expect(line).not.toMatch(/\p{Cc}/u);
}, 240_000);

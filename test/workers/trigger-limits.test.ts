import { randomBytes } from "node:crypto";
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { Webhook } from "standardwebhooks";
import { eventually } from "../harness/eventually.js";
import { startTriggerWorld, type TriggerWorld } from "../harness/trigger-world.js";

/* Events by HTTP and from the command line, and the limits of triggers: real processes, and a server of their own. */

const AGENTS = `
import { defineAgent, defineTool, defineTrigger } from "wflo";
import { z } from "zod";
import { existsSync } from "node:fs";
export const helper = defineAgent({ name: "helper", instructions: "Be brief.", model: "scripted/plain" });
export const waiter = defineAgent({ name: "waiter", instructions: "", model: "scripted/asks", tools: [
  defineTool({ name: "gate", description: "asks", input: z.object({}), execute: () => "done" }),
] });
export const fragile = defineAgent({ name: "fragile", instructions: "", model: "scripted/breaks" });
const run = (agent) => ({ id }) => ({ agent, input: "hi " + id });
export const triggers = [
  defineTrigger({ name: "hook", map: run("helper") }),
  defineTrigger({ name: "few", topic: "few", map: run("waiter"), limits: { concurrency: 2 } }),
  defineTrigger({ name: "paid", topic: "paid", map: run("helper"), limits: { usdPerDay: "0.05" } }),
  defineTrigger({ name: "stubborn", topic: "stubborn", map: run("fragile"), limits: { attempts: 3 } }),
];`;

const PRICED = { inputUsdPerMillion: "1000", outputUsdPerMillion: "1000" };
const [secret, newer, foreign] = Array.from({ length: 3 }, () => `whsec_${randomBytes(32).toString("base64")}`);

let world: TriggerWorld;
let url: string;
beforeAll(async () => {
  const environment = {
    WFLO_TRIGGER_SECRETS: `hook=${secret},hook=${newer},paid=${secret}`,
    WFLO_PRICES: "./prices.json",
  };
  world = await startTriggerWorld({ agents: AGENTS, environment });
  const script = async (name: string, value: object) =>
    await writeFile(join(world.workers.folder, "scripts", `${name}.json`), JSON.stringify(value));
  await script("asks", { turns: [{ toolCalls: [{ name: "gate", args: {} }] }, { text: "done" }] });
  await script("breaks", { turns: [{ error: { status: 400, message: "no" } }] });
  await writeFile(join(world.workers.folder, "prices.json"), JSON.stringify({ "openai/priced": PRICED }));
  await world.workers.startWorker();
}, 60_000);
afterEach(async () => await world.stopTriggers());
afterAll(async () => await world.stop());

const startHttp = async () => {
  const triggers = await world.startTriggers(["--port", "0"]);
  url = /http:\/\/[\d.:]+\/triggers/.exec(await triggers.line(/http:\/\/.*\/triggers\/NAME/))?.[0] ?? "";
  return triggers;
};
const post = async (name: string, body: string | Buffer, headers: Record<string, string> = {}) => {
  const response = await fetch(`${url}/${name}`, { method: "POST", body: new Uint8Array(Buffer.from(body)), headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const signed = (body: string, { id = "msg_1", at = new Date(), by = secret ?? "" } = {}) => ({
  "webhook-id": id,
  "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
  "webhook-signature": new Webhook(by).sign(id, at, body),
});

test("a signed request starts a run, and the same one again nothing", async () => {
  await startHttp();
  const body = JSON.stringify({ id: "h-1" });
  const headers = signed(body);
  const started = { status: 202, body: { outcome: "started", workflowId: "trigger:hook:h-1" } };
  expect(await post("hook", body, headers)).toEqual(started);
  expect(await post("hook", body, headers)).toEqual(started);
  // As another message, and signed with the secret that takes the first one's place.
  const again = await post("hook", body, signed(body, { id: "msg_2", by: newer ?? "" }));
  expect(again).toEqual({ status: 200, body: { outcome: "duplicate", workflowId: "trigger:hook:h-1" } });
  expect(await world.runs("trigger:hook:")).toEqual(["trigger:hook:h-1"]);
  expect(await world.workers.client.workflow.getHandle("trigger:hook:h-1").result()).toMatchObject({ output: "hello" });
}, 60_000);

test("what is not signed well starts nothing, and keeps nobody else from being heard", async () => {
  await startHttp();
  const body = JSON.stringify({ id: "h-2" });
  const good = signed(body);
  const wrong: readonly (readonly [string, Record<string, string>, RegExp])[] = [
    ["hook", {}, /not signed/],
    ["hook", signed(body, { by: foreign ?? "" }), /signature is not good/],
    ["hook", signed(JSON.stringify({ id: "other" })), /signature is not good/],
    ["hook", signed(body, { at: new Date(Date.now() - 6 * 60_000) }), /too old/],
    ["hook", signed(body, { at: new Date(Date.now() + 6 * 60_000) }), /too new/],
    ["hook", { ...good, "webhook-id": "msg_9" }, /signature is not good/],
    ["few", good, /nobody may sign for this trigger/],
    ["nothing", good, /nobody may sign for this trigger/],
    ["hook", { authorization: "Bearer nobody" }, /not signed/],
    ["hook", { ...good, "webhook-signature": "v1," }, /signature is not good/],
  ];
  for (const [name, headers, problem] of wrong) {
    const { status, body: said } = await post(name, body, headers);
    expect({ status, said: JSON.stringify(said) }).toEqual({ status: 401, said: expect.stringMatching(problem) });
  }
  expect(await world.runs("trigger:hook:h-2")).toEqual([]);
  expect((await post("hook", body, good)).status).toBe(202);
}, 60_000);

test("a signed request that can't be acted on is told why", async () => {
  await startHttp();
  const said = async (body: string | Buffer) => {
    const { status, body: answer } = await post("hook", body, signed(body.toString(), { id: `m${Math.random()}` }));
    return [status, JSON.stringify(answer)] as const;
  };
  expect(await said("{")).toEqual([400, expect.stringMatching(/not JSON/)]);
  expect(await said("{}")).toEqual([422, expect.stringMatching(/key: must be a text/)]);
  expect((await said(" ".repeat(3 * 1024 * 1024)).catch(() => [413]))[0]).toBe(413);
  const unnamed = await post("", "{}", {});
  expect(unnamed.status).toBe(404);
  expect((await fetch(`${url}/hook`)).status).toBe(405);
}, 60_000);

test("one event from the command line", async () => {
  const trigger = async (name: string, json: string) => JSON.parse(await world.cli("trigger", name, json, "--json"));
  expect(await trigger("hook", '{"id":"c-1"}')).toEqual({ outcome: "started", workflowId: "trigger:hook:c-1" });
  expect(await trigger("hook", '{"id":"c-1"}')).toEqual({ outcome: "duplicate", workflowId: "trigger:hook:c-1" });
  const event = JSON.stringify({ id: "c-2", agent: "helper", input: "hi" });
  expect(await world.cli("trigger", "wflo.triggers", event)).toMatch(/started trigger:wflo\.triggers:c-2/);
  // A run that waits hears of it, and goes on; the same words again change nothing.
  await world.workers.startRun({ agent: "waiter", input: "hi" }, "waits");
  const { workflow } = world.workers.client;
  await eventually(async () => expect(await workflow.getHandle("waits").query("approvals")).toHaveLength(1));
  const tell = (id: string, signal: string, payload: object) =>
    JSON.stringify({ id, workflowId: "waits", signal, payload });
  const said = tell("c-3", "message", { text: "be quick" });
  for (const event of [said, said, tell("c-4", "approve", { gate: "g1", by: "ada" })]) {
    expect(await trigger("wflo.triggers", event)).toEqual({ outcome: "signaled", workflowId: "waits" });
  }
  expect(await workflow.getHandle("waits").result()).toMatchObject({ status: "completed", output: "done" });
  const transcript = JSON.parse(await world.cli("transcript", "waits", "--json")) as { role: string; text?: string }[];
  expect(transcript.filter(({ text }) => text === "be quick")).toHaveLength(1);

  const failing = async (...argv: readonly string[]) =>
    await world.cli("trigger", ...argv).then(
      () => "it went through",
      (error: { code: number; stderr: string }) => `${error.code} ${error.stderr}`,
    );
  expect(await failing("hook", "{")).toMatch(/^2 .*It is not JSON/s);
  expect(await failing("hook", "{}")).toMatch(/^2 .*key: must be a text/s);
  expect(await failing("nothing", "{}")).toMatch(/^2 .*there is no trigger nothing.*wflo\.triggers, hook/s);
}, 60_000);

test("a schedule starts runs at its times, each with an id of its own, until it is paused or deleted", async () => {
  const schedule = async (...argv: readonly string[]) => await world.cli("schedule", ...argv);
  expect(await schedule("list")).toMatch(/no schedules/);
  await schedule("create", "beat", "helper", "hi", "--every", "1s", "--budget", "0.10");
  await eventually(async () => expect((await world.runs("trigger:beat:")).length).toBeGreaterThan(1));
  const [first = ""] = await world.runs("trigger:beat:");
  expect(first).toMatch(/^trigger:beat:at-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(await world.workers.client.workflow.getHandle(first).result()).toMatchObject({ status: "completed" });
  await schedule("pause", "beat");
  const paused = JSON.parse(await schedule("list", "--json"));
  expect(paused).toEqual([expect.objectContaining({ name: "beat", paused: true })]);
  await schedule("create", "mornings", "helper", "hi", "--cron", "0 7 * * MON-FRI", "--timezone", "Europe/Berlin");
  await schedule("now", "mornings");
  await eventually(async () => expect(await world.runs("trigger:mornings:")).toHaveLength(1));
  expect(await schedule("list")).toMatch(/beat · paused.*\nmornings · next \d{4}-.* · last trigger:mornings:at-/s);
  for (const name of ["beat", "mornings"]) await schedule("delete", name);
  expect(await schedule("list")).toMatch(/no schedules/);

  const failing = async (...argv: readonly string[]) =>
    await schedule(...argv).then(
      () => "it went through",
      (error: { code: number; stderr: string }) => `${error.code} ${error.stderr}`,
    );
  const create = async (...times: readonly string[]) => await failing("create", "odd", "helper", "hi", ...times);
  expect(await create()).toMatch(/^2 .*cron: must be given, or every/s);
  expect(await create("--cron", "often")).toMatch(/^2 .*cron: /s);
  expect(await create("--cron", "* * * * *", "--timezone", "Nowhere/Here")).toMatch(/^2 .*cron: .*time zone/s);
  expect(await create("--every", "0s")).toMatch(/^2 .*every: /s);
  expect(await failing("create", "a b", "helper", "hi", "--every", "1h")).toMatch(/^2 .*name: must be/s);
  expect(await failing("delete", "nothing")).toMatch(/^2 .*there is no schedule nothing/s);
  await schedule("create", "odd", "helper", "hi", "--every", "1h");
  expect(await create("--every", "1h")).toMatch(/^2 .*there is a schedule odd already/s);
  await schedule("delete", "odd");
}, 120_000);

test("no more runs of a trigger go on than its limit, and all of them in the end", async () => {
  await world.startTriggers();
  const events = Array.from({ length: 5 }, (_, n) => JSON.stringify({ id: `f-${n}` }));
  await writeFile(join(world.workers.folder, "state/few.jsonl"), `${events.join("\n")}\n`);
  const { workflow } = world.workers.client;
  const open = async () => {
    const ids: string[] = [];
    const query = "ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH 'trigger:few:'";
    for await (const { workflowId } of workflow.list({ query })) ids.push(workflowId);
    return ids;
  };
  let most = 0;
  await eventually(
    async () => {
      const ids = await open();
      most = Math.max(most, ids.length);
      for (const id of ids) {
        const gates = (await workflow.getHandle(id).query("approvals")) as { gate: string; state: string }[];
        const pending = gates.find(({ state }) => state === "pending");
        // The limit is seen to be reached before anything gives way.
        if (pending && most === 2) await workflow.getHandle(id).signal("approve", { gate: pending.gate, by: "ada" });
      }
      expect(await world.runs("trigger:few:")).toHaveLength(5);
      expect(await open()).toEqual([]);
    },
    { withinMs: 60_000 },
  );
  expect(most).toBe(2);
}, 90_000);

test("a run that fails is started again, as often as its trigger says", async () => {
  await world.startTriggers();
  await writeFile(join(world.workers.folder, "state/stubborn.jsonl"), '{"id":"s-1"}\n');
  await eventually(async () => expect(await world.runs("trigger:stubborn:")).toHaveLength(3), { withinMs: 60_000 });
  // Its events are those of three runs, and each has an id of its own.
  const events = JSON.parse(await world.cli("events", "--json")) as { id: string; subject: string; type: string }[];
  const ends = events.filter(({ subject, type }) => subject === "trigger:stubborn:s-1" && type === "wflo.run.failed");
  expect(new Set(ends.map(({ id }) => id)).size).toBeGreaterThanOrEqual(2);
}, 90_000);

test("what a trigger may spend in a day is the limit of its account", async () => {
  const turn = { text: "hello", usage: { inputTokens: 10, outputTokens: 10 } };
  const priced = { model: "openai/priced", turns: [turn] };
  await writeFile(join(world.workers.folder, "scripts/plain.json"), JSON.stringify(priced));
  const triggers = await world.startTriggers();
  const events = Array.from({ length: 6 }, (_, n) => JSON.stringify({ id: `p-${n}` }));
  await writeFile(join(world.workers.folder, "state/paid.jsonl"), `${events.join("\n")}\n`);
  await eventually(
    async () => {
      const [account] = JSON.parse(await world.cli("budget", "show", "trigger-paid", "--json"));
      expect(account).toMatchObject({ limitNanoUsd: 50_000_000, period: "day" });
      expect(account.remainingNanoUsd).toBeLessThan(20_000_000);
      // What does not fit waits.
      expect(await world.cli("runs", "--status", "awaiting_budget")).toMatch(/trigger:paid:/);
    },
    { withinMs: 60_000 },
  );
  await appendFile(join(world.workers.folder, "state/paid.jsonl"), '{"id":"p-6"}\n');
  await triggers.line(/paid waits at \d+: trigger paid has spent what it may spend today/);
  const { workflow } = world.workers.client;
  await world.cli("budget", "add", "trigger-paid", "1");
  await eventually(async () => expect(await world.runs("trigger:paid:")).toHaveLength(7), { withinMs: 60_000 });
  for (const id of await world.runs("trigger:paid:")) {
    expect(await workflow.getHandle(id).result()).toMatchObject({ status: "completed" });
  }
}, 90_000);

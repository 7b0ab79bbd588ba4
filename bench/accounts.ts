import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "@temporalio/client";
import { median } from "./measure.js";
import type { Bench } from "./servers.js";

/*
 * What an account adds: messages between it and a run, and how many runs a second one account (and one with shards) carries,
 * beside runs without one.
 */

const AT_ONCE = 100;
const QUEUE = "wflo";

/** Prints the figures of accounts. */
export async function reportAccounts(bench: Bench, client: Client, rounds: number): Promise<void> {
  await writeScripts(bench);
  console.log("\naccounts");
  for (const turns of [1, 20, 200]) {
    const account = await openAccount(client, {});
    await run(client, turns, account);
    console.log(`a run of ${turns} turns: ${await messagesOf(client, account)} messages between it and its account`);
  }
  const variants = [
    { name: "no account", account: undefined },
    { name: "one account", account: await openAccount(client, {}) },
    { name: "one account over four shards", account: await openAccount(client, { shards: 4 }) },
  ];
  const perSecond = new Map<string, number[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, account } of variants) {
      const startedAt = performance.now();
      await Promise.all(Array.from({ length: AT_ONCE }, async () => await run(client, 1, account)));
      const rate = (AT_ONCE * 1_000) / (performance.now() - startedAt);
      perSecond.set(name, [...(perSecond.get(name) ?? []), rate]);
    }
  }
  for (const [name, rates] of perSecond) {
    const range = `${Math.min(...rates).toFixed(0)}–${Math.max(...rates).toFixed(0)}`;
    console.log(`${AT_ONCE} runs of one turn at once, ${name}: ${median(rates).toFixed(0)} runs a second (${range})`);
  }
}

/** Scripts whose calls have a price: what costs nothing needs no account. */
async function writeScripts({ folder }: Bench): Promise<void> {
  for (const turns of [1, 20, 200]) {
    const script = Array.from({ length: turns }, (_, index) => ({
      text: "noted",
      ...(index + 1 < turns ? { toolCalls: [{ name: "note_locally", args: { text: `step ${index + 1}` } }] } : {}),
      usage: { inputTokens: 1_000, outputTokens: 150 },
    }));
    const text = JSON.stringify({ turns: script, model: "openai/gpt-4o-mini" });
    await writeFile(join(folder, "scripts", `priced-${turns}.json`), text);
  }
}

async function openAccount(client: Client, terms: object): Promise<string> {
  const account = `bench-${randomUUID()}`;
  await client.workflow.start("budgetAccount", {
    taskQueue: QUEUE,
    workflowId: `budget:${account}`,
    args: [{ account, limitUsd: "1000", ...terms }],
  });
  return account;
}

async function run(client: Client, turns: number, account: string | undefined): Promise<void> {
  const input = { agent: "bench", input: "Take notes.", model: `scripted/priced-${turns}`, maxTurns: turns + 1 };
  const paid = account === undefined ? input : { ...input, account };
  await client.workflow.execute("agentRun", {
    taskQueue: QUEUE,
    workflowId: `paid-${randomUUID()}`,
    args: [{ ...paid, limits: { toolCalls: 10 * turns } }],
  });
}

/** Signals that the account got and sent. */
async function messagesOf(client: Client, account: string): Promise<number> {
  const { events } = await client.workflow.getHandle(`budget:${account}`).fetchHistory();
  return (events ?? []).filter(
    (event) =>
      event.workflowExecutionSignaledEventAttributes ?? event.signalExternalWorkflowExecutionInitiatedEventAttributes,
  ).length;
}

import { randomUUID } from "node:crypto";
import { afterEach, expect, test } from "@jest/globals";
import { createMemoryLocks } from "../../adapters/memory/locks.js";
import { createMemoryRateLimiter } from "../../adapters/memory/rate-limiter.js";
import { createMemoryResponseCache } from "../../adapters/memory/response-cache.js";
import { withRateLimits } from "../../adapters/models/rate-limits.js";
import { withResponseCache } from "../../adapters/models/response-cache.js";
import type { LedgerEntry } from "../../core/ledger.js";
import { type AgentWorker, startAgentWorker } from "../harness/agent-worker.js";
import { deferred } from "../harness/deferred.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

const meters = { count: () => {}, observe: () => {}, set: () => {} };

test("a question that was bought before costs nothing, and the books say what it saved", async () => {
  const plain = plainModels(({ turn }) =>
    turn === 1 ? { toolCalls: [{ id: "c", name: "look", args: {} }] } : { text: "done" },
  );
  const models = withResponseCache(plain, { cache: createMemoryResponseCache(), meters });
  const tools = [{ name: "look", execute: async () => "seen" }];
  worker = await startAgentWorker({ models, tools, agent: { cacheTtlMs: 60_000 } });
  const run = async () => {
    const handle = await (worker as AgentWorker).start({ agent: "tester", input: "go", budget: { limitUsd: "0.01" } });
    return { handle, result: await handle.result() };
  };
  const first = await run();
  const second = await run();
  expect(first.result.cost).toMatchObject({ nanoUsd: 2_200_000, savedNanoUsd: 0 });
  expect(second.result).toMatchObject({ output: "done", turns: 2, cost: { nanoUsd: 0, savedNanoUsd: 2_200_000 } });
  expect(plain.requests).toHaveLength(2);
  const { entries } = await second.handle.query<{ entries: LedgerEntry[] }>("budget");
  expect(entries.map(({ kind, nanoUsd }) => [kind, nanoUsd])).toEqual([
    ["reserved", 1_100_000],
    ["settled", 0],
    ["reserved", 1_100_000],
    ["settled", 0],
  ]);
});

test("a call above a provider's limit waits without a slot, keeps its reservation, and is made once there is room", async () => {
  let nowMs = 0;
  const plain = plainModels(() => ({ text: "done" }));
  const limiter = createMemoryRateLimiter(() => nowMs);
  const models = withRateLimits(plain, { limiter, limits: new Map([["plain", { requestsPerMinute: 60 }]]) });
  worker = await startAgentWorker({ models });
  await limiter.take([{ name: "plain:requests", perMinute: 60, amount: 60 }]);
  const run = await worker.start({ agent: "tester", input: "go", budget: { limitUsd: "0.01" } });
  await eventually(async () => {
    const { raw } = await run.describe();
    expect(raw.pendingActivities?.[0]?.lastFailure?.message).toContain("is at its limit of WFLO_RATE_LIMITS");
  });
  expect(await run.query("budget")).toMatchObject({ reservedNanoUsd: 1_100_000, spentNanoUsd: 0 });
  nowMs = 60_000;
  expect(await run.result()).toMatchObject({ output: "done", cost: { nanoUsd: 1_100_000 } });
  expect(plain.requests).toHaveLength(1);
});

test("tools with one resource run one after the other, over runs, each with a larger fence; others are not held up", async () => {
  const models = plainModels(({ turn, messages }) => {
    const said = messages[0]?.text as string;
    return turn === 1 ? { toolCalls: [{ id: "c", name: "write", args: { to: said } }] } : { text: "done" };
  });
  const held = deferred();
  const working = new Map<string, number>();
  const fences: number[] = [];
  let most = 0;
  const write = {
    name: "write",
    resource: ({ to }: { to?: unknown }) => String(to),
    execute: async ({ to }: { to?: unknown }, { fence = 0 }) => {
      const now = (working.get(String(to)) ?? 0) + 1;
      working.set(String(to), now);
      most = Math.max(most, now);
      if (to === "crm") fences.push(fence);
      if (to === "crm" && fences.length === 1) await held.promise;
      working.set(String(to), (working.get(String(to)) ?? 0) - 1);
      return "written";
    },
  };
  worker = await startAgentWorker({ models, tools: [write], locks: createMemoryLocks() });
  const runs = [];
  for (let n = 0; n < 4; n += 1)
    runs.push(await worker.start({ agent: "tester", input: "crm" }, `run-${randomUUID()}`));
  await eventually(() => expect(fences).toHaveLength(1));
  const other = await worker.start({ agent: "tester", input: "mail" });
  expect(await other.result()).toMatchObject({ output: "done" });
  held.resolve();
  for (const run of runs) expect(await run.result()).toMatchObject({ output: "done" });
  expect([most, fences.length]).toEqual([1, 4]);
  expect(fences).toEqual(fences.toSorted((a, b) => a - b));
});

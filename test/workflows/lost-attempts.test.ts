import { afterEach, describe, expect, test } from "@jest/globals";
import type { LedgerEntry } from "../../core/ledger.js";
import { ModelCallFailed } from "../../ports/models.js";
import { StoreUnavailable } from "../../ports/object-store.js";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { createCountingStore } from "../harness/counting-store.js";
import { deferred } from "../harness/deferred.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

/* A call costs $0.0011 at the most and in fact. */

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

async function start(world: TestWorld, input: object = {}) {
  worker = await startAgentWorker(world);
  return await worker.start({ agent: "tester", input: "go", ...input });
}

type Started = Awaited<ReturnType<typeof start>>;

const booksOf = async (run: Started) =>
  (await run.query<{ entries: LedgerEntry[] }>("budget")).entries.map(({ kind }) => kind);
const untilBooked = async (run: Started, kind: string) =>
  await eventually(async () => expect(await booksOf(run)).toContain(kind));

/** A model whose first request waits for its answer, whatever becomes of its attempt. */
function slowAtFirst() {
  const first = deferred();
  const models = plainModels(async ({ turn }) => {
    if (models.requests.length === 1) await first.promise;
    return turn === 1 ? { toolCalls: [{ id: "c", name: "noop", args: {} }] } : { text: "done" };
  });
  return { models, first };
}

const noop = { name: "noop", execute: async () => "done" };

describe("an attempt that times out while its answer is on the way", () => {
  test.each<[string, object, string[]]>([
    [
      "with money for another one",
      { limitUsd: "0.0035" },
      ["reserved", "unconfirmed", "reserved", "confirmed", "released", "reserved", "settled"],
    ],
    ["under a cap of one and a half calls", { limitUsd: "0.0016" }, ["reserved", "unconfirmed", "confirmed"]],
  ])("is one request and one charge, %s", async (_, budget, books) => {
    const { models, first } = slowAtFirst();
    const run = await start({ models, tools: [noop], agent: { modelTimeoutMs: 1_000 } }, { budget });
    await untilBooked(run, "unconfirmed");
    expect(models.requests).toHaveLength(1);
    first.resolve();
    const { cost, turns } = await run.result();
    expect(cost).toMatchObject({ nanoUsd: turns * 1_100_000, unconfirmedNanoUsd: 0 });
    expect(models.requests).toHaveLength(turns);
    expect(await booksOf(run)).toEqual(books);
  });

  test("is an estimate, and not confirmed, where that answer does not say what was counted", async () => {
    const first = deferred();
    const models = plainModels(async () => {
      await first.promise;
      return { text: "slow", usage: undefined as never };
    });
    const run = await start({ models, agent: { modelTimeoutMs: 1_000 } }, { budget: { limitUsd: "0.0016" } });
    await untilBooked(run, "unconfirmed");
    first.resolve();
    const { cost } = await run.result();
    expect(cost).toMatchObject({ confirmedNanoUsd: 0, nanoUsd: cost.unconfirmedNanoUsd });
    expect(cost.unconfirmedNanoUsd).toBeGreaterThan(0);
    expect(cost.unconfirmedNanoUsd).toBeLessThan(1_100_000);
    expect(await booksOf(run)).toEqual(["reserved", "unconfirmed", "unconfirmed"]);
    expect(models.requests).toHaveLength(1);
  });

  test("is still waited for after a pause, where there is no money for another one", async () => {
    const { models, first } = slowAtFirst();
    const world = { models, tools: [noop], agent: { modelTimeoutMs: 1_000 } };
    const run = await start(world, { budget: { limitUsd: "0.0016" } });
    const doing = expect.stringContaining("looks whether plain/one has answered after all");
    await eventually(async () => expect(await run.query("status")).toMatchObject({ doing }));
    await run.signal("pause", { by: "ana" });
    await eventually(async () => expect(await run.query("status")).toMatchObject({ state: "paused" }));
    first.resolve();
    await run.signal("resume", { by: "ana" });
    expect(await run.result()).toMatchObject({ turns: 1, cost: { nanoUsd: 1_100_000, unconfirmedNanoUsd: 0 } });
    expect(models.requests).toHaveLength(1);
  });

  test("because its worker stood still is asked for by nobody else", async () => {
    const models = plainModels(() => {
      const until = performance.now() + 3_000;
      // Nothing of this process moves, heartbeats neither.
      while (models.requests.length === 1 && performance.now() < until);
      return { text: "slow" };
    });
    const run = await start({ models }, { budget: { limitUsd: "0.0016" } });
    expect(await run.result()).toMatchObject({ status: "completed", output: "slow", cost: { nanoUsd: 1_100_000 } });
    expect(models.requests).toHaveLength(1);
  });

  test("is confirmed by that answer, though another one was bought because its worker gave no sign of life", async () => {
    const store = createCountingStore();
    store.intercept("put", async (key) => {
      if (key.includes(".alive-")) throw new StoreUnavailable("no disk");
      return undefined as never;
    });
    const { models, first } = slowAtFirst();
    const { promise, resolve: looked } = deferred();
    const look = { name: "noop", execute: async () => await promise.then(() => "done") };
    const run = await start(
      { models, store, tools: [look], agent: { modelTimeoutMs: 1_000 } },
      { budget: { limitUsd: "1" } },
    );
    await eventually(async () => expect(await run.query("status")).toMatchObject({ turn: 1 }));
    expect(models.requests).toHaveLength(2);
    first.resolve();
    await eventually(() => expect(store.calls.some((call) => /putIfAbsent .*\/late-/.test(call))).toBe(true));
    looked();
    expect(await run.result()).toMatchObject({
      status: "completed",
      cost: { nanoUsd: 3 * 1_100_000, confirmedNanoUsd: 3 * 1_100_000, unconfirmedNanoUsd: 0 },
    });
    expect(await booksOf(run)).toContain("confirmed");
  });
});

describe("an attempt whose bill nobody knows", () => {
  test("is tried five times with money for each, then the run fails and says what may have been billed", async () => {
    const models = plainModels(() => {
      throw new TypeError("an adapter that breaks");
    });
    const run = await start({ models }, { budget: { limitUsd: "1" } });
    await expect(run.result()).rejects.toMatchObject({
      cause: { type: "ModelUnavailable", message: expect.stringContaining("an adapter that breaks") },
    });
    expect(models.requests).toHaveLength(5);
    expect(await run.query("budget")).toMatchObject({ unconfirmedNanoUsd: 5 * 1_100_000, reservedNanoUsd: 0 });
  });

  test("is followed by the next model of the list", async () => {
    const models = plainModels(({ model }) => {
      if (model === "plain/one") throw new ModelCallFailed("cut", { kind: "retry", billed: "unknown" });
      return { text: model };
    });
    const run = await start({ models }, { models: ["plain/one", "plain/two"] });
    expect(await run.result()).toMatchObject({
      output: "plain/two",
      cost: { confirmedNanoUsd: 1_100_000, unconfirmedNanoUsd: 5 * 1_100_000 },
    });
  });

  test("is told as an event with what it may have cost, and so are answers", async () => {
    const models = plainModels(() => {
      if (models.requests.length === 1) throw new ModelCallFailed("cut", { kind: "retry", billed: "unknown" });
      return { text: "ok" };
    });
    const run = await start({ models }, { budget: { limitUsd: "1" } });
    await run.result();
    const called = () =>
      worker?.published
        .map(({ value }) => JSON.parse(value) as { type: string; data: object })
        .filter(({ type }) => type === "wflo.model.called")
        .map(({ data }) => data);
    await eventually(() => expect(called()).toHaveLength(2));
    expect(called()).toEqual([
      expect.objectContaining({ attempt: 1, outcome: "lost", unconfirmedNanoUsd: 1_100_000 }),
      expect.objectContaining({ attempt: 2, outcome: "ok", nanoUsd: 1_100_000 }),
    ]);
  });
});

describe("nothing is charged", () => {
  test("while the blob store is away: the run waits, goes on, and takes no other model for it", async () => {
    const store = createCountingStore();
    const models = plainModels(({ turn }) =>
      turn === 1 ? { toolCalls: [{ id: "c", name: "noop", args: {} }] } : { text: "done" },
    );
    const cutStore = {
      name: "noop",
      execute: async () => {
        store.intercept("get", async () => await Promise.reject(new StoreUnavailable("the disk is gone")));
        store.intercept("putIfAbsent", async (key) => {
          if (key.startsWith("journal/") && key.endsWith("answer")) return undefined as never;
          return await Promise.reject(new StoreUnavailable("the disk is gone"));
        });
        return "done";
      },
    };
    const run = await start(
      { models, store, tools: [{ ...cutStore, kind: "local" }] },
      {
        models: ["plain/one", "plain/two"],
        budget: { limitUsd: "1" },
      },
    );
    await untilBooked(run, "released");
    expect(models.requests).toHaveLength(1);
    const { raw } = await run.describe();
    await eventually(async () => {
      const pending = (await run.describe()).raw.pendingActivities ?? [];
      expect(pending.map(({ activityType, lastFailure }) => [activityType?.name, lastFailure?.message])).toContainEqual(
        ["storeReady", "the disk is gone"],
      );
    });
    expect(raw).toBeDefined();
    for (const name of ["get", "putIfAbsent"] as const) store.intercept(name, undefined);
    expect(await run.result()).toMatchObject({
      status: "completed",
      cost: { nanoUsd: 2_200_000, byModel: { "plain/one": { calls: 2 } } },
    });
  });

  test("for an attempt that is paused between two tries which the provider refused", async () => {
    const models = plainModels(() => {
      throw new ModelCallFailed("429", { kind: "retry", billed: "none", status: 429, retryAfterMs: 600_000 });
    });
    const run = await start({ models }, { budget: { limitUsd: "1" } });
    await eventually(() => expect(models.requests).toHaveLength(1));
    await eventually(async () => {
      const [pending] = (await run.describe()).raw.pendingActivities ?? [];
      expect(pending?.lastFailure?.message).toBe("429");
    });
    await run.signal("pause", { by: "ana" });
    await untilBooked(run, "released");
    expect(await run.query("budget")).toMatchObject({ unconfirmedNanoUsd: 0, reservedNanoUsd: 0 });
    await run.terminate();
  });
});

import { afterEach, describe, expect, test } from "@jest/globals";
import { ModelCallFailed } from "../../ports/models.js";
import { StoreUnavailable } from "../../ports/object-store.js";
import { type AgentWorker, startAgentWorker, type TestWorld } from "../harness/agent-worker.js";
import { createCountingStore } from "../harness/counting-store.js";
import { eventually } from "../harness/eventually.js";
import { plainModels } from "../harness/plain-models.js";

let worker: AgentWorker | undefined;
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

async function start(world: TestWorld, input: object = {}) {
  worker = await startAgentWorker(world);
  return await worker.start({ agent: "tester", input: "go", ...input });
}

const noop = { name: "noop", execute: async () => "done" };
/** Calls `noop` for ever, each time with other arguments. */
const counting = () => plainModels(({ turn }) => ({ toolCalls: [{ id: `c${turn}`, name: "noop", args: { turn } }] }));
const repeating = () => plainModels(({ turn }) => ({ toolCalls: [{ id: `c${turn}`, name: "noop", args: {} }] }));

describe("a run whose model costs nothing and never ends", () => {
  test.each<[string, () => ReturnType<typeof plainModels>, object, object]>([
    ["maxTurns", counting, { maxTurns: 3 }, { status: "max_turns", turns: 3, stopReason: "the run may take 3 turns" }],
    [
      "limits.toolCalls",
      counting,
      { limits: { toolCalls: 4 } },
      { status: "limit_reached", turns: 5, stopReason: "toolCalls: the run may make 4 tool calls" },
    ],
    [
      "limits.tokens",
      counting,
      { limits: { tokens: 2_500 } },
      { status: "limit_reached", turns: 3, stopReason: "tokens: 3300 of 2500 tokens are used" },
    ],
    [
      "limits.sameCall",
      repeating,
      { limits: { sameCall: 3 } },
      { status: "limit_reached", turns: 4, stopReason: expect.stringMatching(/^sameCall: .* 3 times, and again$/) },
    ],
    ["nothing at all: 50 turns are the default", repeating, {}, { status: "max_turns", turns: 50 }],
  ])("ends by %s", async (_, models, input, result) => {
    const run = await start({ models: models(), tools: [noop], maxCachedWorkflows: 10 }, input);
    expect(await run.result()).toMatchObject(result);
  });

  test("ends by limits.sameCall where the same wrong call comes again and again", async () => {
    const models = plainModels(({ turn }) => ({ toolCalls: [{ id: `c${turn}`, name: "nope", args: {} }] }));
    const run = await start({ models, tools: [noop] }, { limits: { sameCall: 2 } });
    expect(await run.result()).toMatchObject({ status: "limit_reached", turns: 3 });
  });
});

describe("wallTime ends a run", () => {
  const ended = { status: "limit_reached", stopReason: "wallTime: the run may take 2s" };
  const input = { limits: { wallTime: "2s" } };

  test("that waits at a gate", async () => {
    const deploy = { name: "noop", safe: false, execute: async () => "done" };
    const run = await start({ models: counting(), tools: [deploy] }, input);
    expect(await run.result()).toMatchObject({ ...ended, turns: 1 });
  });

  test("that waits for money, or is paused", async () => {
    const world = { models: counting(), tools: [noop] };
    const run = await start(world, { ...input, budget: { limitUsd: "0.0011", onExhausted: "pause" } });
    expect(await run.result()).toMatchObject({ ...ended, turns: 1, cost: { nanoUsd: 1_100_000 } });
    const paused = await (worker as AgentWorker).start({ agent: "tester", input: "go", ...input });
    await paused.signal("pause", { by: "ana" });
    expect(await paused.result()).toMatchObject(ended);
  });

  test("whose tool would run for a minute: it is stopped, and the transcript says so", async () => {
    let stopped = false;
    const long = {
      name: "noop",
      execute: async (_: object, { signal }: { signal: AbortSignal }) =>
        await new Promise<string>((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            stopped = true;
            reject(new Error("stopped"));
          });
        }),
    };
    const run = await start({ models: counting(), tools: [long] }, input);
    const { transcript, ...result } = await run.result();
    expect(result).toMatchObject(ended);
    expect(stopped).toBe(true);
    const messages = await (worker as AgentWorker).transcripts.load(transcript as never);
    expect(messages.at(-1)?.toolResults).toEqual([
      { id: "c1", name: "noop", error: "its end was not waited for: wallTime: the run may take 2s" },
    ]);
  });

  test("whose provider refuses every try", async () => {
    const models = plainModels(() => {
      throw new ModelCallFailed("503", { kind: "retry", billed: "none", status: 503, retryAfterMs: 60_000 });
    });
    const run = await start({ models }, { ...input, budget: { limitUsd: "1" } });
    expect(await run.result()).toMatchObject({ ...ended, turns: 0, cost: { nanoUsd: 0 } });
  });

  test("whose blob store is away from the beginning", async () => {
    const store = createCountingStore();
    store.intercept("putIfAbsent", async () => await Promise.reject(new StoreUnavailable("no disk")));
    const run = await start({ models: counting(), tools: [noop], store }, input);
    await eventually(async () => {
      const [pending] = (await run.describe()).raw.pendingActivities ?? [];
      expect(pending).toMatchObject({ activityType: { name: "resolveAgent" }, lastFailure: { message: "no disk" } });
    });
    expect(await run.result()).toMatchObject({ ...ended, turns: 0 });
  });
});

describe("outputSchema", () => {
  const outputSchema = {
    type: "object",
    properties: { colour: { enum: ["red", "green"] } },
    required: ["colour"],
    additionalProperties: false,
  };

  test("gives the answer as data, with a fence around it or without", async () => {
    const models = plainModels(() => ({ text: '```json\n{"colour":"red"}\n```' }));
    const run = await start({ models }, { outputSchema });
    expect(await run.result()).toMatchObject({ status: "completed", data: { colour: "red" }, turns: 1 });
    expect(models.requests[0]?.instructions).toContain(JSON.stringify(outputSchema.properties.colour));
  });

  test("has an answer that does not fit repaired in a turn of its own, which is counted and paid for", async () => {
    const answers = ["no JSON", '{"colour":"blue","size":1}', '{"colour":"green"}'];
    const models = plainModels(({ turn }) => ({ text: answers[turn - 1] ?? "" }));
    const run = await start({ models }, { outputSchema });
    const repaired = { status: "completed", data: { colour: "green" }, turns: 3, cost: { nanoUsd: 3_300_000 } };
    expect(await run.result()).toMatchObject(repaired);
    const asked = models.requests[2]?.messages.at(-1)?.text;
    expect(asked).toContain('/colour must be equal to one of the allowed values: ["red","green"]');
    expect(asked).toContain('must NOT have additional properties, but has "size"');
  });

  test("ends a run whose answer still does not fit after two repairs", async () => {
    const run = await start({ models: plainModels(() => ({ text: "{}" })) }, { outputSchema });
    const { data, ...result } = await run.result();
    expect(data).toBeUndefined();
    expect(result).toMatchObject({ status: "limit_reached", turns: 3, stopReason: expect.stringContaining("colour") });
  });

  test("that is no schema is refused before anything is bought", async () => {
    const models = plainModels(() => ({ text: "{}" }));
    const run = await start({ models }, { outputSchema: { type: "thing" } });
    const cause = { type: "InvalidInput", message: expect.stringMatching(/^outputSchema: is not a JSON Schema: /) };
    await expect(run.result()).rejects.toMatchObject({ cause });
    expect(models.requests).toHaveLength(0);
  });
});

describe("a model without a price", () => {
  const models = () => {
    const priced = plainModels(() => ({ text: "ok" }));
    return {
      ...priced,
      facts: async (name: string) => ({ ...(await priced.facts(name, new Date())), price: undefined }),
    };
  };

  test("is refused where there is a budget, with what to do", async () => {
    const run = await start({ models: models() as never }, { budget: { limitUsd: "1" } });
    const message = expect.stringMatching(/plain\/one has no price.*WFLO_PRICES.*WFLO_UNPRICED=allow/);
    await expect(run.result()).rejects.toMatchObject({ cause: { type: "UnknownModel", message } });
  });

  test("is counted as unpriced where that is allowed, and without a budget", async () => {
    const run = await start({ models: models() as never, unpriced: "allow" }, { budget: { limitUsd: "1" } });
    expect(await run.result()).toMatchObject({ status: "completed", cost: { nanoUsd: 0, unpricedCalls: 1 } });
    expect(await run.query("budget")).toMatchObject({
      unpricedCalls: 1,
      entries: [{}, { kind: "settled", unpriced: true }],
    });
    const free = await (worker as AgentWorker).start({ agent: "tester", input: "go" });
    expect(await free.result()).toMatchObject({ status: "completed", cost: { nanoUsd: 0, unpricedCalls: 1 } });
  });
});

test.each<[string, object, string]>([
  [
    "was cut at its output cap",
    { text: "half an ans", finishReason: "length" },
    "the answer was cut at the output cap of its call",
  ],
  ["is empty", { text: "" }, "the model's answer is empty"],
])("an answer that %s completes the run, which says so", async (_, answer, stopReason) => {
  const run = await start({ models: plainModels(() => answer) });
  expect(await run.result()).toMatchObject({ status: "completed", turns: 1, stopReason });
});

import { expect, test } from "@jest/globals";
import { withCircuitBreaker } from "../../../adapters/models/circuit-breaker.js";
import { ModelCallFailed } from "../../../ports/models.js";
import { plainModels } from "../../harness/plain-models.js";

/** A provider whose calls end as they are told to, and a clock that moves when it is told to. */
function provider() {
  const world = { nowMs: 1_000_000, fails: undefined as ModelCallFailed | undefined, open: 0 };
  const plain = plainModels(() => {
    if (world.fails) throw world.fails;
    return { text: "hello" };
  });
  const meters = {
    count: () => {},
    observe: () => {},
    set: (_: string, __: object, value: number) => {
      world.open = value;
    },
  };
  const models = withCircuitBreaker(plain, { meters, now: () => world.nowMs });
  const call = async (model = "plain/one") => {
    const request = {
      instructions: "",
      messages: [],
      tools: [],
      maxOutputTokens: 10,
      turn: 1,
      attempt: 1,
      conversation: "c",
    };
    return await models.call({ ...request, model }, { signal: new AbortController().signal }).then(
      () => "answered",
      (error: ModelCallFailed) => (error.leftAlone ? "left alone" : "failed"),
    );
  };
  const times = async (count: number) => {
    const outcomes = [];
    for (let index = 0; index < count; index += 1) outcomes.push(await call());
    return outcomes;
  };
  return { world, call, times, asked: () => plain.requests.length };
}

const down = new ModelCallFailed("500", { kind: "retry", billed: "none", status: 500 });
const limited = new ModelCallFailed("429", { kind: "retry", billed: "none", status: 429 });
const refused = new ModelCallFailed("400", { kind: "never", billed: "none", status: 400 });

test("a provider that fails five times in a row is left alone, and asked again after ten seconds", async () => {
  const { world, times, asked } = provider();
  world.fails = down;
  expect(await times(7)).toEqual([...Array(5).fill("failed"), "left alone", "left alone"]);
  expect({ asked: asked(), open: world.open }).toEqual({ asked: 5, open: 1 });
  world.nowMs += 10_000;
  world.fails = undefined;
  expect(await times(3)).toEqual(["answered", "answered", "answered"]);
  expect(world.open).toBe(0);
});

test("a probe that fails leaves it alone for twice as long, up to five minutes", async () => {
  const { world, times } = provider();
  world.fails = down;
  await times(5);
  for (const pause of [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
    world.nowMs += pause - 1;
    expect(await times(1)).toEqual(["left alone"]);
    world.nowMs += 1;
    expect(await times(2)).toEqual(["failed", "left alone"]);
  }
});

test("rate limits and refusals say nothing against a provider", async () => {
  for (const fails of [limited, refused]) {
    const { world, times } = provider();
    world.fails = fails;
    expect(await times(8)).toEqual(Array(8).fill("failed"));
  }
});

test("an answer in between begins the count anew", async () => {
  const { world, times } = provider();
  world.fails = down;
  await times(4);
  world.fails = undefined;
  await times(1);
  world.fails = down;
  expect(await times(5)).toEqual(Array(5).fill("failed"));
});

test("one probe goes out at a time, and what was out already changes nothing", async () => {
  const { world, call, times } = provider();
  world.fails = down;
  await times(5);
  world.nowMs += 10_000;
  world.fails = undefined;
  expect(await Promise.all([call(), call(), call()])).toEqual(["answered", "left alone", "left alone"]);
});

test("scripts are asked always", async () => {
  const { world, call } = provider();
  world.fails = down;
  for (let index = 0; index < 8; index += 1) expect(await call("scripted/one")).toBe("failed");
});

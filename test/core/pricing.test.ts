import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { MAX_NANO_USD, toNanoUsd } from "../../core/money.js";
import {
  boundNanoUsd,
  costNanoUsd,
  type ModelPrice,
  outputThatFits,
  type PicoUsdPerToken,
  picoPerToken,
  type Rates,
  ratesFor,
} from "../../core/pricing.js";
import { NO_USAGE, type Usage } from "../../core/usage.js";
import { naiveCost } from "../simulation/simulated-provider.js";

/** A moment at which no price changes. */
const NOW = { fromMs: 0, toMs: 0 };

const pico = (rate: number) => rate as PicoUsdPerToken;
const usageOf = (counts: Partial<Usage>): Usage => ({ ...NO_USAGE, ...counts });

test.each<[string | number, number]>([
  ["1.50", 1_500_000],
  [1.5, 1_500_000],
  ["0", 0],
  ["0.000001", 1],
  ["0.0000001", 1],
  ["0.0000010000001", 2],
  [1e-7, 1],
  ["75", 75_000_000],
  ["1e3", 1_000_000_000],
  ["2.5E-1", 250_000],
  [0.1 + 0.2, 300_001],
  ["9007199254", 9_007_199_254_000_000],
])("$%s for a million tokens are %d picodollars for one", (usd, rate) => {
  expect(picoPerToken(usd)).toBe(rate);
});

test.each<[string | number, RegExp]>([
  ["", /"" is not a price/],
  ["free", /"free" is not a price/],
  ["-1", /"-1" is not a price/],
  ["1,5", /"1,5" is not a price/],
  [" 1", /" 1" is not a price/],
  [Number.NaN, /not a price/],
  [Number.POSITIVE_INFINITY, /not a price/],
  ["1e99", /no sensible price/],
  ["1e-999999999999", /no sensible price/],
  ["9007199255", /is too much/],
])("%j is no price", (usd, message) => {
  expect(() => picoPerToken(usd)).toThrow(RangeError);
  expect(() => picoPerToken(usd)).toThrow(message);
});

const tiered: ModelPrice = {
  rates: { input: pico(1_000_000), output: pico(5_000_000), cachedInput: pico(100_000), cacheWrite: pico(1_250_000) },
  tiers: [
    { aboveInputTokens: 200_000, rates: { input: pico(2_000_000), output: pico(7_500_000) } },
    { aboveInputTokens: 500_000, rates: { input: pico(500_000), output: pico(9_000_000) } },
  ],
};

test.each([
  [0, 1_000_000],
  [200_000, 1_000_000],
  [200_001, 2_000_000],
  [500_000, 2_000_000],
  [500_001, 500_000],
])("%d input tokens cost %d picodollars each", (tokens, rate) => {
  expect(ratesFor(tiered, tokens).input).toBe(rate);
});

test.each<[string, ModelPrice, Partial<Usage>, number]>([
  ["nothing", tiered, {}, 0],
  ["input", tiered, { inputTokens: 1_000 }, 1_000_000],
  ["output", tiered, { outputTokens: 1_000, reasoningTokens: 900 }, 5_000_000],
  ["cached input", tiered, { inputTokens: 1_000, cachedInputTokens: 600 }, 460_000],
  ["cache writes", tiered, { inputTokens: 1_000, cacheWriteTokens: 400, cachedInputTokens: 600 }, 560_000],
  ["a dearer tier, for the whole request", tiered, { inputTokens: 200_001, outputTokens: 1 }, 400_009_500],
  [
    "cached input without a rate",
    { rates: { input: pico(10), output: pico(0) } },
    { inputTokens: 100, cachedInputTokens: 100 },
    1,
  ],
  ["the least that there is", { rates: { input: pico(1), output: pico(0) } }, { inputTokens: 1 }, 1],
  [
    "rounded up once, in all",
    { rates: { input: pico(1), output: pico(1) } },
    { inputTokens: 500, outputTokens: 500 },
    1,
  ],
  ["rounded up once more", { rates: { input: pico(1), output: pico(1) } }, { inputTokens: 501, outputTokens: 500 }, 2],
  ["a fee of the request", { rates: { input: pico(1), output: pico(0) }, perRequestNanoUsd: toNanoUsd(7) }, {}, 7],
  [
    "parts that are not in their whole",
    tiered,
    { inputTokens: 10, cachedInputTokens: 600, cacheWriteTokens: 400 },
    560_000,
  ],
  [
    "$1,000,000.000001",
    { rates: { input: pico(1_000_000_000_001), output: pico(0) } },
    { inputTokens: 1_000_000 },
    1_000_000_000_001_000,
  ],
])("a call is charged for %s", (_, price, usage, nanoUsd) => {
  expect(costNanoUsd(price, usageOf(usage), NOW.fromMs)).toBe(nanoUsd);
});

test.each<[string, Partial<Usage>]>([
  ["a million billion tokens", { inputTokens: 1e15, outputTokens: 1e15 }],
  ["the largest count", { inputTokens: Number.MAX_SAFE_INTEGER }],
  ["a count beyond it", { outputTokens: 1e300 }],
  ["no end", { outputTokens: Number.POSITIVE_INFINITY }],
  ["no number", { outputTokens: Number.NaN }],
  ["nothing at all", { outputTokens: undefined as unknown as number }],
  ["parts beyond everything", { cachedInputTokens: 2 ** 53, cacheWriteTokens: 2 ** 53 }],
])("a provider that counts %s is charged from above, and breaks nothing", (_, usage) => {
  const price = { rates: { input: pico(20_000_000), output: pico(20_000_000) } };
  expect(costNanoUsd(price, usageOf(usage), NOW.fromMs)).toBe(MAX_NANO_USD);
});

test("negative counts are nothing, and fractions are rounded up", () => {
  expect(costNanoUsd(tiered, usageOf({ inputTokens: -5, outputTokens: -1e300 }), NOW.fromMs)).toBe(0);
  expect(costNanoUsd(tiered, usageOf({ inputTokens: 0.5 }), NOW.fromMs)).toBe(1_000);
});

test.each<[string, ModelPrice, number, number]>([
  ["an output cap of any size", tiered, 1_000, 1e300],
  ["an output cap that is no number", tiered, 1_000, Number.NaN],
  ["the dearest prices", { rates: { input: pico(Number.MAX_SAFE_INTEGER), output: pico(0) } }, 1_000_000, 0],
  ["the largest fee", { rates: { input: pico(0), output: pico(0) }, perRequestNanoUsd: MAX_NANO_USD }, 1, 1],
  ["a price that is no number", { rates: { input: pico(Number.NaN), output: pico(0) } }, 1_000_000, 0],
])("%s ends in a reservation that no budget pays, not in an error", (_, price, inputTokens, outputTokens) => {
  expect(boundNanoUsd(price, { inputTokens, outputTokens }, NOW)).toBe(MAX_NANO_USD);
});

const rate = fc
  .oneof(fc.constant(0), fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 1_000_000_000 }))
  .map(pico);
const rates: fc.Arbitrary<Rates> = fc.record(
  { input: rate, output: rate, cachedInput: rate, cacheWrite: rate, cacheWrite1h: rate },
  { requiredKeys: ["input", "output"] },
);
const tier = fc.record({ aboveInputTokens: fc.integer({ min: 0, max: 1_000_000 }), rates });
const price: fc.Arbitrary<ModelPrice> = fc
  .record({
    rates,
    tiers: fc
      .uniqueArray(tier, { maxLength: 3, selector: ({ aboveInputTokens }) => aboveInputTokens })
      .map((tiers) => tiers.toSorted((a, b) => a.aboveInputTokens - b.aboveInputTokens)),
    fee: fc.option(fc.integer({ min: 0, max: 1_000_000_000 })),
  })
  .map(({ fee, ...rest }) => ({ ...rest, ...(fee === null ? {} : { perRequestNanoUsd: toNanoUsd(fee) }) }));
const count = fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 2_000_000 }));

/** Usage whose parts are parts of their wholes, as providers report it. */
const usage: fc.Arbitrary<Usage> = fc
  .record({ plain: count, cachedInputTokens: count, cacheWriteTokens: count, outputTokens: count })
  .map(({ plain, ...counts }) =>
    usageOf({ ...counts, inputTokens: plain + counts.cachedInputTokens + counts.cacheWriteTokens }),
  );

test("a cost is exact: the same as by the price list in whole picodollars, whatever the price's shape", () => {
  fc.assert(
    fc.property(price, usage, (some, used) => {
      expect(BigInt(costNanoUsd(some, used, NOW.fromMs))).toBe(naiveCost(some, used));
    }),
    { numRuns: 2_000 },
  );
});

test("a call that stays within its bound never costs more than its reservation", () => {
  fc.assert(
    fc.property(price, usage, count, count, (some, used, moreInput, moreOutput) => {
      const bound = { inputTokens: used.inputTokens + moreInput, outputTokens: used.outputTokens + moreOutput };
      expect(costNanoUsd(some, used, NOW.fromMs)).toBeLessThanOrEqual(boundNanoUsd(some, bound, NOW));
    }),
    { numRuns: 2_000 },
  );
});

test("more tokens never need a smaller reservation", () => {
  fc.assert(
    fc.property(price, count, count, count, count, (some, inputTokens, outputTokens, moreInput, moreOutput) => {
      const more = { inputTokens: inputTokens + moreInput, outputTokens: outputTokens + moreOutput };
      expect(boundNanoUsd(some, { inputTokens, outputTokens }, NOW)).toBeLessThanOrEqual(boundNanoUsd(some, more, NOW));
    }),
  );
});

test("the output that fits is the most that does: its reservation fits, one token more does not", () => {
  const money = fc
    .oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: MAX_NANO_USD - 1 }))
    .map(toNanoUsd);
  fc.assert(
    fc.property(price, count, money, (some, inputTokens, left) => {
      const fits = outputThatFits(some, { inputTokens: inputTokens, money: left }, NOW);
      const bound = (outputTokens: number) => boundNanoUsd(some, { inputTokens, outputTokens }, NOW);
      if (fits === undefined) expect(bound(0)).toBeGreaterThan(left);
      else {
        expect(bound(fits)).toBeLessThanOrEqual(left);
        if (fits < Number.MAX_SAFE_INTEGER) expect(bound(fits + 1)).toBeGreaterThan(left);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("free output fits without end, also where input costs", () => {
  const some: ModelPrice = { rates: { input: pico(1_000), output: pico(0) } };
  expect(outputThatFits(some, { inputTokens: 10, money: toNanoUsd(10) }, NOW)).toBe(Number.MAX_SAFE_INTEGER);
  expect(outputThatFits(some, { inputTokens: 11, money: toNanoUsd(10) }, NOW)).toBeUndefined();
});

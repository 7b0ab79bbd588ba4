import { toNanoUsd } from "../../core/money.js";
import type { ModelPrice, PicoUsdPerToken, Rates, TokenBound } from "../../core/pricing.js";
import { NO_USAGE, type Usage } from "../../core/usage.js";
import type { Random } from "./random.js";

/** A provider that keeps its own bill by its published rates, and knows nothing of anybody's books. */
export interface SimulatedProvider {
  /** Counts an attempt; what it has counted it never takes back. */
  bill(attempt: string, price: ModelPrice, usage: Usage): bigint;
  billOf(attempt: string): bigint;
  total(): bigint;
}

export function createSimulatedProvider(): SimulatedProvider {
  const bills = new Map<string, bigint>();
  return {
    bill(attempt, price, usage) {
      if (bills.has(attempt)) throw new Error(`${attempt} is billed once`);
      const cost = naiveCost(price, usage);
      bills.set(attempt, cost);
      return cost;
    },
    billOf: (attempt) => bills.get(attempt) ?? 0n,
    total: () => [...bills.values()].reduce((sum, bill) => sum + bill, 0n),
  };
}

/** What a call costs, from the price list alone: a second opinion on core/pricing. In nano-dollars. */
export function naiveCost(price: ModelPrice, usage: Usage): bigint {
  const reached = (price.tiers ?? []).filter(({ aboveInputTokens }) => aboveInputTokens < usage.inputTokens);
  const highest = reached.toSorted((a, b) => b.aboveInputTokens - a.aboveInputTokens)[0];
  const rates = highest?.rates ?? price.rates;
  const plain = usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens;
  const pico =
    BigInt(plain) * BigInt(rates.input) +
    BigInt(usage.cachedInputTokens) * BigInt(rates.cachedInput ?? rates.input) +
    BigInt(usage.cacheWriteTokens) * BigInt(rates.cacheWrite ?? rates.input) +
    BigInt(usage.outputTokens) * BigInt(rates.output);
  const rest = pico % 1000n;
  return pico / 1000n + (rest > 0n ? 1n : 0n) + BigInt(price.perRequestNanoUsd ?? 0);
}

/** A price of any shape: free or dear, tiers up or down, reading and writing the cache dearer or cheaper than input, fees. */
export function randomPrice(random: Random): ModelPrice {
  if (random.percent(6)) return { rates: { input: 0 as PicoUsdPerToken, output: 0 as PicoUsdPerToken } };
  const starts = new Set(Array.from({ length: random.pick([0, 0, 1, 2]) }, () => random.int(1, 9_000)));
  const tiers = [...starts].toSorted((a, b) => a - b);
  return {
    rates: randomRates(random),
    ...(tiers.length > 0
      ? { tiers: tiers.map((aboveInputTokens) => ({ aboveInputTokens, rates: randomRates(random) })) }
      : {}),
    ...(random.percent(30) ? { perRequestNanoUsd: toNanoUsd(random.int(0, 2_000_000)) } : {}),
  };
}

function randomRates(random: Random): Rates {
  const rate = () => (random.percent(8) ? 0 : random.int(1, 20_000_000)) as PicoUsdPerToken;
  return {
    input: rate(),
    output: rate(),
    ...(random.percent(40) ? { cachedInput: rate() } : {}),
    ...(random.percent(40) ? { cacheWrite: rate() } : {}),
    ...(random.percent(20) ? { cacheWrite1h: rate() } : {}),
  };
}

/** Tokens that a call within the bound may use. */
export function randomUsage(random: Random, bound: TokenBound): Usage {
  const inputTokens = random.percent(20) ? bound.inputTokens : random.int(0, bound.inputTokens);
  const outputTokens = random.percent(20) ? bound.outputTokens : random.int(0, bound.outputTokens);
  const cachedInputTokens = random.percent(50) ? random.int(0, inputTokens) : 0;
  const cacheWriteTokens = random.percent(30) ? random.int(0, inputTokens - cachedInputTokens) : 0;
  return { ...NO_USAGE, inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens };
}

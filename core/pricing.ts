import { type NanoUsd, usdToMost } from "./money.js";
import { countFromAbove, type Usage } from "./usage.js";

/** Picodollars ($1e-12) for one token: every published price is a whole number of them. */
export type PicoUsdPerToken = number & { readonly unit: "picoUsdPerToken" };

const PICO_IN_NANO = 1_000n;

/** What a token costs, by kind. A kind without a rate of its own is charged as plain input. */
export interface Rates {
  readonly input: PicoUsdPerToken;
  readonly output: PicoUsdPerToken;
  readonly cachedInput?: PicoUsdPerToken;
  readonly cacheWrite?: PicoUsdPerToken;
  readonly cacheWrite1h?: PicoUsdPerToken;
}

/** One model's price, captured into a run at its start. */
export interface ModelPrice {
  readonly rates: Rates;
  /** Dearer (or cheaper) rates for the whole request where its input is above a length; ascending. */
  readonly tiers?: readonly { readonly aboveInputTokens: number; readonly rates: Rates }[];
  /** Fixed fee of each request. */
  readonly perRequestNanoUsd?: NanoUsd;
  /** Tokens of input and output together that the model takes. */
  readonly contextWindow?: number;
  /** The most output tokens that the model gives. */
  readonly maxOutputTokens?: number;
}

/** Tokens that one attempt can use at the most. */
export interface TokenBound {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** USD per million tokens → integer picodollars per token, rounded up beyond six decimals. @throws RangeError for what is no price */
export function picoPerToken(usdPerMillion: number | string): PicoUsdPerToken {
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(String(usdPerMillion));
  if (!match) throw new RangeError(`${JSON.stringify(usdPerMillion)} is not a price in US dollars per million tokens`);
  const exponent = 6 - (match[2]?.length ?? 0) + Number(match[3] ?? 0);
  let pico = BigInt((match[1] ?? "") + (match[2] ?? ""));
  if (Math.abs(exponent) > 40) throw new RangeError(`${usdPerMillion} is no sensible price`);
  if (exponent >= 0) pico *= 10n ** BigInt(exponent);
  else pico = (pico + 10n ** BigInt(-exponent) - 1n) / 10n ** BigInt(-exponent);
  const result = Number(pico);
  if (!Number.isSafeInteger(result)) throw new RangeError(`${usdPerMillion} US dollars per million tokens is too much`);
  return result as PicoUsdPerToken;
}

/** The rates that hold for a request with so much input (the whole request, its output included). */
export function ratesFor(price: ModelPrice, inputTokens: number): Rates {
  let rates = price.rates;
  for (const tier of price.tiers ?? []) if (inputTokens > tier.aboveInputTokens) rates = tier.rates;
  return rates;
}

/**
 * What a call cost, rounded up once; exact up to $9,007,199, where it stops. Never throws, whatever a provider counted: an
 * answer that was bought would else be bought again and again. Counts that make no sense are read from above.
 */
export function costNanoUsd(price: ModelPrice, usage: Usage): NanoUsd {
  const cached = countFromAbove(usage.cachedInputTokens);
  const written = countFromAbove(usage.cacheWriteTokens);
  const inputTokens = Math.max(countFromAbove(usage.inputTokens), cached + written);
  const rates = ratesFor(price, inputTokens);
  return charge(price, [
    [inputTokens - cached - written, rates.input],
    [cached, rates.cachedInput ?? rates.input],
    [written, rates.cacheWrite ?? rates.input],
    [usage.outputTokens, rates.output],
  ]);
}

/**
 * The most that an attempt within `bound` can cost: every tier that the input can reach, the dearest rate of each.
 * Stops at $9,007,199, which no budget has left.
 */
export function boundNanoUsd(price: ModelPrice, bound: TokenBound): NanoUsd {
  const { input, output } = dearestRates(price, bound.inputTokens);
  return charge(price, [
    [bound.inputTokens, input],
    [bound.outputTokens, output],
  ]);
}

/** The most output tokens (0 or more) whose bound fits `money`; undefined where not even the input fits. */
export function outputThatFits(price: ModelPrice, inputTokens: number, money: NanoUsd): number | undefined {
  const { input, output } = dearestRates(price, inputTokens);
  const left = (BigInt(money) - feeOf(price)) * PICO_IN_NANO - tokensAt(inputTokens, input);
  if (left < 0n) return undefined;
  const rate = exact(output);
  return rate === 0n ? Number.MAX_SAFE_INTEGER : countFromAbove(Number(left / rate));
}

/** The dearest of all rates that can apply to a request of at most so much input. */
function dearestRates(price: ModelPrice, inputTokens: number): { input: number; output: number } {
  const input = countFromAbove(inputTokens);
  const tiers = (price.tiers ?? []).filter(({ aboveInputTokens }) => input > aboveInputTokens);
  const reachable = [price.rates, ...tiers.map(({ rates }) => rates)];
  return {
    input: Math.max(...reachable.map(dearestInput)),
    output: Math.max(...reachable.map((rates) => rates.output)),
  };
}

function dearestInput(rates: Rates): number {
  return Math.max(rates.input, rates.cachedInput ?? 0, rates.cacheWrite ?? 0, rates.cacheWrite1h ?? 0);
}

type Charge = readonly [tokens: number, rate: number];

/** In picodollars to the end, then rounded up to nano-dollars: here and nowhere else. */
function charge(price: ModelPrice, charges: readonly Charge[]): NanoUsd {
  const pico = charges.reduce((sum, [tokens, rate]) => sum + tokensAt(tokens, rate), 0n);
  return usdToMost((pico + PICO_IN_NANO - 1n) / PICO_IN_NANO + feeOf(price));
}

function tokensAt(tokens: number, rate: number): bigint {
  return exact(tokens) * exact(rate);
}

function feeOf(price: ModelPrice): bigint {
  return exact(price.perRequestNanoUsd ?? 0);
}

/** Prices come from outside too: what is no whole number is read from above. */
function exact(count: number): bigint {
  return BigInt(countFromAbove(count));
}

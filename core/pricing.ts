import { invariant } from "./invariant.js";
import { type NanoUsd, toNanoUsd } from "./money.js";
import type { Usage } from "./usage.js";

/** Picodollars ($1e-12) for one token: every published price is a whole number of them. */
export type PicoUsdPerToken = number & { readonly unit: "picoUsdPerToken" };

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

/** What a call cost, rounded up once. @throws Violation above $9,007 a call */
export function costNanoUsd(price: ModelPrice, usage: Usage): NanoUsd {
  const rates = ratesFor(price, usage.inputTokens);
  const cached = Math.min(usage.cachedInputTokens, usage.inputTokens);
  const written = Math.min(usage.cacheWriteTokens, usage.inputTokens - cached);
  const plain = usage.inputTokens - cached - written;
  return charge(price, [
    [plain, rates.input],
    [cached, rates.cachedInput ?? rates.input],
    [written, rates.cacheWrite ?? rates.input],
    [usage.outputTokens, rates.output],
  ]);
}

/** The most that an attempt within `bound` can cost: every tier that the input can reach, the dearest rate of each. */
export function boundNanoUsd(price: ModelPrice, bound: TokenBound): NanoUsd {
  const reachable = [
    price.rates,
    ...(price.tiers ?? []).filter((tier) => bound.inputTokens > tier.aboveInputTokens).map((tier) => tier.rates),
  ];
  const input = Math.max(...reachable.map(dearestInput)) as PicoUsdPerToken;
  const output = Math.max(...reachable.map((rates) => rates.output)) as PicoUsdPerToken;
  return charge(price, [
    [bound.inputTokens, input],
    [bound.outputTokens, output],
  ]);
}

/** The most output tokens (0 or more) whose bound fits `money`; undefined where not even the input fits. */
export function outputThatFits(price: ModelPrice, inputTokens: number, money: NanoUsd): number | undefined {
  const fixed = boundNanoUsd(price, { inputTokens, outputTokens: 0 });
  if (fixed > money) return undefined;
  const perToken = boundNanoUsd(price, { inputTokens, outputTokens: 1_000 }) - fixed;
  if (perToken <= 0) return Number.MAX_SAFE_INTEGER;
  let tokens = Math.floor(((money - fixed) * 1_000) / perToken);
  while (tokens > 0 && boundNanoUsd(price, { inputTokens, outputTokens: tokens }) > money) tokens -= 1;
  return tokens;
}

function dearestInput(rates: Rates): number {
  return Math.max(rates.input, rates.cachedInput ?? 0, rates.cacheWrite ?? 0, rates.cacheWrite1h ?? 0);
}

function charge(price: ModelPrice, charges: readonly (readonly [tokens: number, rate: PicoUsdPerToken])[]): NanoUsd {
  const pico = charges.reduce((sum, [tokens, rate]) => sum + tokens * rate, 0);
  invariant(Number.isSafeInteger(pico), "a call costs less than $9,007");
  return toNanoUsd(Math.ceil(pico / 1_000) + (price.perRequestNanoUsd ?? 0));
}

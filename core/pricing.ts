import { type NanoUsd, usdToMost } from "./money.js";
import { countFromAbove, type Usage } from "./usage.js";

/** Picodollars ($1e-12) for one token: every published price is a whole number of them. */
export type PicoUsdPerToken = number & { readonly unit: "picoUsdPerToken" };

const PICO_IN_NANO = 1_000n;
const DAY_MS = 86_400_000;

/** What a token costs, by kind. A kind without a rate of its own is charged as plain input. */
export interface Rates {
  readonly input: PicoUsdPerToken;
  readonly output: PicoUsdPerToken;
  readonly cachedInput?: PicoUsdPerToken;
  readonly cacheWrite?: PicoUsdPerToken;
  /** Nobody here asks a provider to keep what it caches for an hour, so no bound counts on it. */
  readonly cacheWrite1h?: PicoUsdPerToken;
  /** Where reasoning costs another rate than the rest of the output. */
  readonly reasoning?: PicoUsdPerToken;
  /** No prompt here has sound or pictures, so no bound counts on these two. */
  readonly audioInput?: PicoUsdPerToken;
  readonly imageInput?: PicoUsdPerToken;
  readonly audioOutput?: PicoUsdPerToken;
  readonly imageOutput?: PicoUsdPerToken;
  /** The dearest of kinds of output that nobody counts apart (citations), which a bound has to cover. */
  readonly otherOutput?: PicoUsdPerToken;
}

type Tiers = readonly { readonly aboveInputTokens: number; readonly rates: Rates }[];

/** One model's price, captured into a run at its start. */
export interface ModelPrice {
  readonly rates: Rates;
  /** Dearer (or cheaper) rates for the whole request where its input is above a length; ascending. */
  readonly tiers?: Tiers;
  /** Other prices at other times; of those that hold at a time the last one. */
  readonly times?: readonly TimedPrice[];
  /** Fixed fee of each request. */
  readonly perRequestNanoUsd?: NanoUsd;
  /** Of each search that the provider made by itself. Nobody here asks for one, so no bound counts on it. */
  readonly perWebSearchNanoUsd?: NanoUsd;
  /** Tokens of input and output together that the model takes. */
  readonly contextWindow?: number;
  /** The most output tokens that the model gives. */
  readonly maxOutputTokens?: number;
}

/** The part of a price that changes with time. */
export type Charges = Pick<ModelPrice, "rates" | "tiers" | "perRequestNanoUsd" | "perWebSearchNanoUsd">;

/** A price that holds from a date on, or at hours of each day. */
export interface TimedPrice extends Charges {
  /** In epoch milliseconds. @default always */
  readonly fromMs?: number;
  /** In milliseconds since midnight UTC, the second one not included; it may be before the first one. @default all day */
  readonly daily?: { readonly fromMs: number; readonly toMs: number };
}

/** When a request begins and when it is over at the latest, in epoch milliseconds. */
export interface CallWindow {
  readonly fromMs: number;
  readonly toMs: number;
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
export function ratesFor(price: Pick<ModelPrice, "rates" | "tiers">, inputTokens: number): Rates {
  let rates = price.rates;
  for (const tier of price.tiers ?? []) if (inputTokens > tier.aboveInputTokens) rates = tier.rates;
  return rates;
}

/** The price that holds at a time (epoch milliseconds). */
export function priceAt(price: ModelPrice, atMs: number): Charges {
  return price.times?.findLast((time) => holdsAt(time, atMs)) ?? price;
}

/**
 * What a call that began at `atMs` cost, rounded up once; exact up to $9,007,199, where it stops. Never throws, whatever a
 * provider counted: an answer that was bought would else be bought again and again. Counts that make no sense are read from
 * above.
 */
export function costNanoUsd(price: ModelPrice, usage: Usage, atMs: number): NanoUsd {
  const inputTokens = Math.max(
    countFromAbove(usage.inputTokens),
    countFromAbove(usage.cachedInputTokens) + countFromAbove(usage.cacheWriteTokens),
  );
  const current = priceAt(price, atMs);
  const rates = ratesFor(current, inputTokens);
  const searches = exact(usage.webSearches ?? 0) * exact(current.perWebSearchNanoUsd ?? 0);
  const charges = [...inputCharges(rates, usage, inputTokens), ...outputCharges(rates, usage)];
  return charge(charges, exact(current.perRequestNanoUsd ?? 0) + searches);
}

/** Sound and pictures are taken for tokens that were not cached, as far as there are such: the dearer reading. */
function inputCharges(rates: Rates, usage: Usage, inputTokens: number): readonly Charge[] {
  const take = takeFrom(inputTokens);
  const written = take(usage.cacheWriteTokens);
  const writtenForHours = Math.min(written, countFromAbove(usage.cacheWrite1hTokens ?? 0));
  const [audio, image] = [take(usage.audioInputTokens), take(usage.imageInputTokens)];
  const cached = take(usage.cachedInputTokens);
  const writeRate = rates.cacheWrite ?? rates.input;
  return [
    [written - writtenForHours, writeRate],
    [writtenForHours, rates.cacheWrite1h ?? writeRate],
    [audio, rates.audioInput ?? rates.input],
    [image, rates.imageInput ?? rates.input],
    [cached, rates.cachedInput ?? rates.input],
    [take(inputTokens), rates.input],
  ];
}

function outputCharges(rates: Rates, usage: Usage): readonly Charge[] {
  const outputTokens = countFromAbove(usage.outputTokens);
  const take = takeFrom(outputTokens);
  return [
    [take(usage.audioOutputTokens), rates.audioOutput ?? rates.output],
    [take(usage.imageOutputTokens), rates.imageOutput ?? rates.output],
    [take(usage.reasoningTokens), rates.reasoning ?? rates.output],
    [take(outputTokens), rates.output],
  ];
}

/** Parts of a whole, one after the other, never more than what is left. */
function takeFrom(whole: number): (part: number | undefined) => number {
  let left = whole;
  return (part = 0) => {
    const taken = Math.min(left, countFromAbove(part));
    left -= taken;
    return taken;
  };
}

/**
 * The most that an attempt within `bound` can cost: every price that can hold while it lasts, every tier that the input can
 * reach, the dearest rate of each. Stops at $9,007,199, which no budget has left.
 */
export function boundNanoUsd(price: ModelPrice, bound: TokenBound, window: CallWindow): NanoUsd {
  const dearest = dearestOf(price, bound.inputTokens, window);
  const charges: readonly Charge[] = [
    [bound.inputTokens, dearest.input],
    [bound.outputTokens, dearest.output],
  ];
  return charge(charges, exact(dearest.perRequestNanoUsd));
}

/** The most output tokens (0 or more) whose bound fits `money`; undefined where not even the input fits. */
export function outputThatFits(
  price: ModelPrice,
  { inputTokens, money }: { readonly inputTokens: number; readonly money: NanoUsd },
  window: CallWindow,
): number | undefined {
  const { input, output, perRequestNanoUsd } = dearestOf(price, inputTokens, window);
  const left = (BigInt(money) - exact(perRequestNanoUsd)) * PICO_IN_NANO - tokensAt(inputTokens, input);
  if (left < 0n) return undefined;
  const rate = exact(output);
  return rate === 0n ? Number.MAX_SAFE_INTEGER : countFromAbove(Number(left / rate));
}

/** The dearest of all rates that can apply to a request of at most so much input in a window. */
function dearestOf(
  price: ModelPrice,
  inputTokens: number,
  window: CallWindow,
): { readonly input: number; readonly output: number; readonly perRequestNanoUsd: NanoUsd } {
  const most = countFromAbove(inputTokens);
  const prices = [price, ...(price.times ?? []).filter((time) => mayHold(time, window))];
  const reachable = prices.flatMap(({ rates, tiers = [] }) => {
    const above = tiers.filter(({ aboveInputTokens }) => most > aboveInputTokens);
    return [rates, ...above.map((tier) => tier.rates)];
  });
  return {
    input: Math.max(...reachable.map(dearestInput)),
    output: Math.max(...reachable.map(dearestOutput)),
    perRequestNanoUsd: Math.max(...prices.map(({ perRequestNanoUsd = 0 }) => perRequestNanoUsd)) as NanoUsd,
  };
}

function dearestInput({ input, cachedInput = input, cacheWrite = input }: Rates): number {
  return Math.max(input, cachedInput, cacheWrite);
}

function dearestOutput({ output, reasoning, audioOutput, imageOutput, otherOutput }: Rates): number {
  return Math.max(output, ...[reasoning, audioOutput, imageOutput, otherOutput].map((rate) => rate ?? output));
}

function holdsAt({ fromMs = 0, daily }: TimedPrice, atMs: number): boolean {
  if (atMs < fromMs || !daily) return atMs >= fromMs;
  const time = atMs % DAY_MS;
  const { fromMs: from, toMs: to } = daily;
  return from <= to ? time >= from && time < to : time >= from || time < to;
}

/** From above: a price that begins while a call lasts, or holds at an hour that it may reach. */
function mayHold(time: TimedPrice, window: CallWindow): boolean {
  if (window.toMs < (time.fromMs ?? 0)) return false;
  const { daily } = time;
  if (!daily || window.toMs - window.fromMs >= DAY_MS) return true;
  const starts = window.fromMs - (window.fromMs % DAY_MS) + daily.fromMs;
  const begins = [starts, starts + DAY_MS].some((at) => at > window.fromMs && at <= window.toMs);
  return begins || holdsAt({ ...time, fromMs: 0 }, window.fromMs);
}

type Charge = readonly [tokens: number, rate: number];

/** In picodollars to the end, then rounded up to nano-dollars: here and nowhere else. */
function charge(charges: readonly Charge[], feesNanoUsd: bigint): NanoUsd {
  const pico = charges.reduce((sum, [tokens, rate]) => sum + tokensAt(tokens, rate), 0n);
  return usdToMost((pico + PICO_IN_NANO - 1n) / PICO_IN_NANO + feesNanoUsd);
}

function tokensAt(tokens: number, rate: number): bigint {
  return exact(tokens) * exact(rate);
}

/** Prices come from outside too: what is no whole number is read from above. */
function exact(count: number): bigint {
  return BigInt(countFromAbove(count));
}

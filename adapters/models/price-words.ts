import { formatUsd } from "../../core/money.js";
import type { ModelPrice, Rates, TimedPrice } from "../../core/pricing.js";
import { RATES } from "./price-file.js";

/** A price in the words of WFLO_PRICES, with which it can be laid over another catalogue. */
export function priceDocument(price: ModelPrice | TimedPrice): Readonly<Record<string, unknown>> {
  const { perRequestNanoUsd, perWebSearchNanoUsd, tiers } = price;
  return {
    ...ratesDocument(price.rates),
    ...(perRequestNanoUsd === undefined ? {} : { perRequestUsd: formatUsd(perRequestNanoUsd) }),
    // Nano-dollars for one are millionths of a dollar for 1,000, as picodollars for a token are for a million.
    ...(perWebSearchNanoUsd === undefined ? {} : { webSearchUsdPerThousand: usdPerMillion(perWebSearchNanoUsd) }),
    ...(tiers
      ? { tiers: tiers.map(({ aboveInputTokens, rates }) => ({ aboveInputTokens, ...ratesDocument(rates) })) }
      : {}),
    ...("contextWindow" in price ? { contextWindow: price.contextWindow } : {}),
    ...("maxOutputTokens" in price ? { maxOutputTokens: price.maxOutputTokens } : {}),
  };
}

function ratesDocument(rates: Rates): Readonly<Record<string, string>> {
  const named = Object.entries(RATES).map(([name, kind]) => [name, rates[kind]] as const);
  return Object.fromEntries(named.flatMap(([name, rate]) => (rate === undefined ? [] : [[name, usdPerMillion(rate)]])));
}

/** `1.25`, exact: millionths have six decimals. */
export function usdPerMillion(pico: number): string {
  const digits = String(pico).padStart(7, "0");
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`.replace(/\.?0+$/, "");
}

import { createHash } from "node:crypto";
import type { NanoUsd } from "../../core/money.js";
import type { ModelPrice, PicoUsdPerToken, Rates, TimedPrice } from "../../core/pricing.js";
import { LIMITS, limitsOf } from "./limits.js";
import { BUNDLED, type Catalogue, cataloguePrice } from "./price-catalogue.js";
import type { PriceOverride, PriceOverrides } from "./price-file.js";

/** What models cost, at a time. */
export interface PriceTable {
  /** Names the catalogue, its version, and a digest of what is laid over it: `genai-prices@0.1.8+sha256:0123456789ab`. */
  readonly book: string;
  /** @param model `provider/model`; undefined: there is no price for exactly this model. */
  price(model: string, at: Date): ModelPrice | undefined;
}

/** What prices are made of. */
export interface PriceSettings {
  /** A user's own. @default none */
  readonly overrides?: PriceOverrides;
  /** @default the bundled one (offline) */
  readonly catalogue?: Catalogue;
}

/** A catalogue with a user's prices laid over it: an override replaces a model's whole price, or multiplies it. */
export function createPriceTable({ overrides = new Map(), catalogue = BUNDLED }: PriceSettings = {}): PriceTable {
  const laidOver = [...overrides].sort(([a], [b]) => (a < b ? -1 : 1));
  const digest = createHash("sha256")
    .update(JSON.stringify([LIMITS, laidOver, ...(catalogue.digest === undefined ? [] : [catalogue.digest])]))
    .digest("hex");
  return {
    book: `${catalogue.name}+sha256:${digest.slice(0, 12)}`,
    price(model, at) {
      const override = overrideOf(overrides, model);
      const price = override?.price ?? cataloguePrice(model, at, catalogue);
      if (!price) return undefined;
      const { contextWindow, maxOutputTokens } = limitsOf(model);
      return {
        ...(contextWindow === undefined ? {} : { contextWindow }),
        ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
        ...(override?.multiplier === undefined ? price : times(price, override.multiplier)),
      };
    },
  };
}

/** A model's own entry, or else its provider's. */
export function overrideOf(overrides: PriceOverrides, model: string): PriceOverride | undefined {
  return overrides.get(model) ?? overrides.get(`${model.slice(0, model.indexOf("/"))}/*`);
}

/** @param multiplier in millionths; every rate and fee is rounded up */
function times(price: ModelPrice, multiplier: number): ModelPrice {
  return {
    ...price,
    ...timed(price, multiplier),
    ...(price.times ? { times: price.times.map(each(multiplier)) } : {}),
  };
}

function each(multiplier: number): (time: TimedPrice) => TimedPrice {
  return (time) => ({ ...time, ...timed(time, multiplier) });
}

function timed({ rates, tiers, perRequestNanoUsd, perWebSearchNanoUsd }: TimedPrice, multiplier: number): TimedPrice {
  const multiplied = (amount: number) => Number((BigInt(amount) * BigInt(multiplier) + 999_999n) / 1_000_000n);
  const ratesTimes = (some: Rates) =>
    Object.fromEntries(
      Object.entries(some).map(([kind, rate]) => [kind, multiplied(rate) as PicoUsdPerToken]),
    ) as unknown as Rates;
  return {
    rates: ratesTimes(rates),
    ...(tiers ? { tiers: tiers.map((tier) => ({ ...tier, rates: ratesTimes(tier.rates) })) } : {}),
    ...(perRequestNanoUsd === undefined ? {} : { perRequestNanoUsd: multiplied(perRequestNanoUsd) as NanoUsd }),
    ...(perWebSearchNanoUsd === undefined ? {} : { perWebSearchNanoUsd: multiplied(perWebSearchNanoUsd) as NanoUsd }),
  };
}

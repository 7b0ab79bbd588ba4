import { findProvider, type MatchLogic, type ModelInfo } from "@pydantic/genai-prices";
import { toNanoUsd } from "../../core/money.js";
import { type ModelPrice, type PicoUsdPerToken, picoPerToken, type Rates } from "../../core/pricing.js";

/** Of `@pydantic/genai-prices`, which carries its data with it; a test compares it with the package's own. */
export const CATALOGUE_VERSION = "0.1.8";

type CataloguePrice = ModelInfo["prices"];
type PriceFields = Exclude<CataloguePrice, readonly unknown[]>;

/** Kinds of output that a text model may be charged for; the dearest stands for all. */
const OUTPUT_FIELDS = [
  "output_mtok",
  "output_reasoning_mtok",
  "output_citation_mtok",
  "output_image_mtok",
  "output_audio_mtok",
];

/**
 * The catalogue's price of exactly this model; undefined where it has none.
 * Where a price depends on the hour the dearest of the day stands for all: a run may last for days.
 */
export function cataloguePrice(model: string, at: Date): ModelPrice | undefined {
  const slash = model.indexOf("/");
  const provider = findProvider({ providerId: model.slice(0, slash) });
  if (!provider || provider.id !== model.slice(0, slash)) return undefined;
  const found = findModel(provider.models, model.slice(slash + 1));
  if (!found) return undefined;
  const inForce = pricesInForce(found.prices, at).map(priceOf);
  const known = inForce.filter((price) => price !== undefined);
  return known.length === inForce.length ? known.reduce(dearest) : undefined;
}

/**
 * Never the catalogue's own prefix match, which prices a model that it does not know like its predecessor: the id itself,
 * a literal alias, or one of these with a date or `-latest` behind it.
 */
function findModel(models: readonly ModelInfo[], id: string): ModelInfo | undefined {
  const undated = id.replace(/-(\d{8}|\d{4}-\d{2}-\d{2}|latest)$/, "");
  return (
    models.find((model) => model.id === id) ??
    models.find((model) => aliases(model.match).includes(id)) ??
    models.find((model) => model.id === undated || aliases(model.match).includes(undated))
  );
}

function aliases(match: MatchLogic): readonly string[] {
  if ("equals" in match) return [match.equals];
  return "or" in match ? match.or.flatMap(aliases) : [];
}

/** The latest price that has begun, and those of hours of the day. */
function pricesInForce(prices: CataloguePrice, at: Date): readonly PriceFields[] {
  if (!Array.isArray(prices)) return [prices];
  const begun = prices.filter(
    ({ constraint }) => constraint?.type !== "time_of_date" && hasBegun(constraint?.start_date, at),
  );
  const hourly = prices.filter(({ constraint }) => constraint?.type === "time_of_date");
  return [...begun.slice(-1), ...hourly].map((price) => price.prices);
}

function hasBegun(startDate: string | undefined, at: Date): boolean {
  return startDate === undefined || at >= new Date(startDate);
}

function priceOf(fields: PriceFields): ModelPrice | undefined {
  const starts = new Set(Object.values(fields).flatMap((field) => tiersOf(field).map(({ start }) => start)));
  const rates = ratesAbove(fields, 0);
  if (!rates) return undefined;
  const tiers = [...starts]
    .sort((a, b) => a - b)
    .map((start) => ({ aboveInputTokens: start, rates: ratesAbove(fields, start) ?? rates }));
  const perRequest = dollarsAbove(fields.requests_kcount, 0);
  return {
    rates,
    ...(tiers.length > 0 ? { tiers } : {}),
    // Dollars for 1,000 requests, read as for a million tokens, are 1,000 picodollars: a nano-dollar for each.
    ...(perRequest === undefined ? {} : { perRequestNanoUsd: toNanoUsd(picoPerToken(perRequest)) }),
  };
}

/** Writing for an hour is never asked for here, so its price is not held against a budget. */
function ratesAbove(fields: PriceFields, start: number): Rates | undefined {
  const pico = (name: string) => {
    const dollars = dollarsAbove(fields[name], start);
    return dollars === undefined ? undefined : picoPerToken(dollars);
  };
  const [input, cachedInput, cacheWrite] = [pico("input_mtok"), pico("cache_read_mtok"), pico("cache_write_mtok")];
  const outputs = OUTPUT_FIELDS.map(pico).filter((rate) => rate !== undefined);
  if (input === undefined || outputs.length === 0) return undefined;
  return {
    input,
    output: Math.max(...outputs) as PicoUsdPerToken,
    ...(cachedInput === undefined ? {} : { cachedInput }),
    ...(cacheWrite === undefined ? {} : { cacheWrite }),
  };
}

function tiersOf(field: PriceFields[string]) {
  return typeof field === "object" ? field.tiers : [];
}

/** A tier holds for the whole request where its input is above the tier's start. */
function dollarsAbove(field: PriceFields[string], start: number): number | undefined {
  if (typeof field !== "object") return field;
  return field.tiers.filter((tier) => tier.start <= start && start > 0).reduce((_, tier) => tier.price, field.base);
}

function dearest(a: ModelPrice, b: ModelPrice): ModelPrice {
  return a.rates.input + a.rates.output >= b.rates.input + b.rates.output ? a : b;
}

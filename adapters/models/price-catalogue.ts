import { findProvider, type MatchLogic, type ModelInfo } from "@pydantic/genai-prices";
import { toNanoUsd } from "../../core/money.js";
import {
  type ModelPrice,
  type PicoUsdPerToken,
  picoPerToken,
  type Rates,
  type TimedPrice,
} from "../../core/pricing.js";

/** Of `@pydantic/genai-prices`, which carries its data with it; a test compares it with the package's own. */
export const CATALOGUE_VERSION = "0.1.8";

type CataloguePrice = ModelInfo["prices"];
type PriceFields = Exclude<CataloguePrice, readonly unknown[]>;

/** Kinds of output besides text; a bound covers the dearest. */
const OTHER_OUTPUTS = ["output_citation_mtok", "output_image_mtok", "output_audio_mtok"];

/**
 * The catalogue's price of exactly this model, as it is and as it will be at other times; undefined where it has none.
 */
export function cataloguePrice(model: string, at: Date): ModelPrice | undefined {
  const slash = model.indexOf("/");
  const provider = findProvider({ providerId: model.slice(0, slash) });
  if (!provider || provider.id !== model.slice(0, slash)) return undefined;
  const found = findModel(provider.models, model.slice(slash + 1));
  if (!found) return undefined;
  return timedPrice(found.prices, at);
}

/**
 * Never the catalogue's own prefix match, which prices a model that it does not know like its predecessor: the id itself,
 * a literal alias, or one of these with a date behind it, or with `-latest` where it names a version (`gemini-pro-latest` is
 * whatever is newest, and no `gemini-pro`).
 */
function findModel(models: readonly ModelInfo[], id: string): ModelInfo | undefined {
  const undated = id.replace(/-(\d{8}|\d{4}-\d{2}-\d{2})$/, "").replace(/^(.*\d.*)-latest$/, "$1");
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

/** The latest price that has begun, with those that begin later or hold at hours of the day; the catalogue's order says which goes before. */
function timedPrice(prices: CataloguePrice, at: Date): ModelPrice | undefined {
  if (!Array.isArray(prices)) return priceOf(prices);
  const isHourly = ({ constraint }: Conditional) => constraint?.type === "time_of_date";
  const current = prices.findLast((entry) => !isHourly(entry) && startOf(entry) <= at.getTime());
  const base = current && priceOf(current.prices);
  if (!base) return undefined;
  const times: TimedPrice[] = [];
  for (const entry of prices) {
    if (entry === current || (!isHourly(entry) && startOf(entry) <= at.getTime())) continue;
    const price = priceOf(entry.prices);
    // Half a price is none.
    if (!price) return undefined;
    times.push({ ...price, ...whenOf(entry) });
  }
  return times.length > 0 ? { ...base, times } : base;
}

type Conditional = Extract<CataloguePrice, readonly unknown[]>[number];

function startOf({ constraint }: Conditional): number {
  return constraint?.type === "start_date" || (constraint && "start_date" in constraint)
    ? new Date(constraint.start_date as string).getTime()
    : 0;
}

function whenOf(entry: Conditional): Pick<TimedPrice, "fromMs" | "daily"> {
  const { constraint } = entry;
  if (constraint?.type !== "time_of_date") return { fromMs: startOf(entry) };
  return { daily: { fromMs: timeOfDayMs(constraint.start_time), toMs: timeOfDayMs(constraint.end_time) } };
}

/** `16:30:00Z` in milliseconds since midnight UTC. */
function timeOfDayMs(time: string): number {
  return new Date(`1970-01-01T${/(Z|[+-]\d\d:\d\d)$/.test(time) ? time : `${time}Z`}`).getTime();
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

function ratesAbove(fields: PriceFields, start: number): Rates | undefined {
  const pico = (name: string) => {
    const dollars = dollarsAbove(fields[name], start);
    return dollars === undefined ? undefined : picoPerToken(dollars);
  };
  const [input, output] = [pico("input_mtok"), pico("output_mtok") ?? pico("output_text_mtok")];
  const others = OTHER_OUTPUTS.map(pico).filter((rate) => rate !== undefined);
  if (input === undefined || (output === undefined && others.length === 0)) return undefined;
  const dearest = Math.max(...others) as PicoUsdPerToken;
  const rare = {
    cachedInput: pico("cache_read_mtok"),
    cacheWrite: pico("cache_write_mtok"),
    cacheWrite1h: pico("cache_write_1h_mtok"),
    reasoning: pico("output_reasoning_mtok"),
    otherOutput: others.length > 0 && dearest > (output ?? 0) ? dearest : undefined,
  };
  const given = Object.fromEntries(Object.entries(rare).filter(([, rate]) => rate !== undefined));
  return { input, output: output ?? dearest, ...given };
}

function tiersOf(field: PriceFields[string]) {
  return typeof field === "object" ? field.tiers : [];
}

/** A tier holds for the whole request where its input is above the tier's start. */
function dollarsAbove(field: PriceFields[string], start: number): number | undefined {
  if (typeof field !== "object") return field;
  return field.tiers.filter((tier) => tier.start <= start && start > 0).reduce((_, tier) => tier.price, field.base);
}

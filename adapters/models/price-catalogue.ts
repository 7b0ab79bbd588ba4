import { findProvider, type MatchLogic, type ModelInfo } from "@pydantic/genai-prices";
import { type NanoUsd, toNanoUsd } from "../../core/money.js";
import {
  type ModelPrice,
  type PicoUsdPerToken,
  picoPerToken,
  type Rates,
  type TimedPrice,
} from "../../core/pricing.js";

/** Of `@pydantic/genai-prices`, which carries its data with it; a test compares it with the package's own. */
export const CATALOGUE_VERSION = "0.1.8";

/** A list of prices of all kinds of providers. */
export interface Catalogue {
  /** For the price book: `genai-prices@0.1.8`, or `genai-prices@2026-11-25` where it was refreshed on that day. */
  readonly name: string;
  /** The day of its data, `2026-11-25`. */
  readonly day: string;
  /** Of its content, where the name does not pin it. */
  readonly digest?: string;
  models(provider: string): readonly ModelInfo[] | undefined;
}

/** What came with the package; nothing is fetched. */
export const BUNDLED: Catalogue = {
  name: `genai-prices@${CATALOGUE_VERSION}`,
  day: "2026-09-23",
  models(providerId) {
    const provider = findProvider({ providerId });
    return provider?.id === providerId ? provider.models : undefined;
  },
};

type CataloguePrice = ModelInfo["prices"];
type PriceFields = Exclude<CataloguePrice, readonly unknown[]>;

/** Kinds of output that no provider counts apart for us; a bound covers the dearest. */
const OTHER_OUTPUTS = ["output_citation_mtok", "output_video_mtok"];

/**
 * The catalogue's price of exactly this model, as it is and as it will be at other times; undefined where it has none.
 */
export function cataloguePrice(
  model: string,
  at: Date,
  catalogue: Pick<Catalogue, "models"> = BUNDLED,
): ModelPrice | undefined {
  const slash = model.indexOf("/");
  const models = slash < 1 ? undefined : catalogue.models(model.slice(0, slash));
  const found = models && findModel(models, model.slice(slash + 1));
  return found && timedPrice(found.prices, at);
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
  return {
    rates,
    ...(tiers.length > 0 ? { tiers } : {}),
    ...fee("perRequestNanoUsd", fields.requests_kcount),
    ...fee("perWebSearchNanoUsd", fields.web_searches_kcount),
  };
}

/** Dollars for 1,000 uses, read as for a million tokens, are 1,000 picodollars: a nano-dollar for each. */
function fee<K extends string>(name: K, field: PriceFields[string]): { readonly [key in K]?: NanoUsd } {
  const dollars = dollarsAbove(field, 0);
  return (dollars === undefined ? {} : { [name]: toNanoUsd(picoPerToken(dollars)) }) as { [key in K]?: NanoUsd };
}

function ratesAbove(fields: PriceFields, start: number): Rates | undefined {
  const pico = (name: string) => {
    const dollars = dollarsAbove(fields[name], start);
    return dollars === undefined ? undefined : picoPerToken(dollars);
  };
  const [input, text] = [pico("input_mtok"), pico("output_mtok") ?? pico("output_text_mtok")];
  const [audioOutput, imageOutput] = [pico("output_audio_mtok"), pico("output_image_mtok")];
  const others = OTHER_OUTPUTS.map(pico).filter((rate) => rate !== undefined);
  const known = [text, audioOutput, imageOutput, ...others].filter((rate) => rate !== undefined);
  if (input === undefined || known.length === 0) return undefined;
  const output = text ?? (Math.max(...known) as PicoUsdPerToken);
  const dearest = Math.max(0, ...others) as PicoUsdPerToken;
  const rare = {
    cachedInput: pico("cache_read_mtok"),
    cacheWrite: pico("cache_write_mtok"),
    cacheWrite1h: pico("cache_write_1h_mtok"),
    reasoning: pico("output_reasoning_mtok"),
    audioInput: pico("input_audio_mtok"),
    imageInput: pico("input_image_mtok"),
    audioOutput,
    imageOutput,
    otherOutput: dearest > output ? dearest : undefined,
  };
  const given = Object.fromEntries(Object.entries(rare).filter(([, rate]) => rate !== undefined));
  return { input, output, ...given };
}

function tiersOf(field: PriceFields[string]) {
  return typeof field === "object" ? field.tiers : [];
}

/** A tier holds for the whole request where its input is above the tier's start. */
function dollarsAbove(field: PriceFields[string], start: number): number | undefined {
  if (typeof field !== "object") return field;
  return field.tiers.filter((tier) => tier.start <= start && start > 0).reduce((_, tier) => tier.price, field.base);
}

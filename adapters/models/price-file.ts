import { type Fields, fieldsOf, shown } from "../../core/fields.js";
import { toNanoUsd } from "../../core/money.js";
import { type ModelPrice, type PicoUsdPerToken, picoPerToken, type Rates } from "../../core/pricing.js";

/** What a file says of a model, or of a provider's models: a price of its own, a multiple of what the price is, or both. */
export interface PriceOverride {
  readonly price?: ModelPrice;
  /** Millionths of the price. */
  readonly multiplier?: number;
}

/** By `provider/model`, or `provider/*` for a multiplier of all models of a provider that have no entry of their own. */
export type PriceOverrides = ReadonlyMap<string, PriceOverride>;

/** Reads the document of WFLO_PRICES; every wrong field is named by its path. */
export function parsePriceFile(value: unknown): PriceOverrides | { readonly problems: readonly string[] } {
  const problems: string[] = [];
  const file = fieldsOf(value, "", problems);
  if (!file) return { problems: ["a price file must be an object of models"] };
  const overrides = new Map<string, PriceOverride>();
  for (const [model, entry] of Object.entries(file.value)) {
    if (!/^[^/\s]+\/\S+$/.test(model)) problems.push(`${model}: is not a model; write it like "provider/model"`);
    const fields = fieldsOf(entry, model, problems);
    if (fields) overrides.set(model, readOverride(fields, model));
  }
  return problems.length > 0 ? { problems } : overrides;
}

/** Members of a price and of each of its tiers, with the rates that they are. */
export const RATES = {
  inputUsdPerMillion: "input",
  outputUsdPerMillion: "output",
  cachedInputUsdPerMillion: "cachedInput",
  cacheWriteUsdPerMillion: "cacheWrite",
  cacheWrite1hUsdPerMillion: "cacheWrite1h",
  reasoningUsdPerMillion: "reasoning",
  audioInputUsdPerMillion: "audioInput",
  imageInputUsdPerMillion: "imageInput",
  audioOutputUsdPerMillion: "audioOutput",
  imageOutputUsdPerMillion: "imageOutput",
} as const satisfies Readonly<Record<string, keyof Rates>>;

const TIER_MEMBERS = [...Object.keys(RATES), "aboveInputTokens"];
const PRICE_MEMBERS = [
  ...Object.keys(RATES),
  ...["perRequestUsd", "webSearchUsdPerThousand", "tiers", "contextWindow", "maxOutputTokens", "priceMultiplier"],
];

/** What a price could be meant by; other members (a comment) are ignored, as everywhere. */
const MEANS_A_PRICE = /usd|million|token|tier|window|price|multipl|cach|output|input|request|search/i;

/** A slip of the pen is told: ignored, it would charge another rate than its author thinks. */
function refuseSlips(fields: Fields, known: readonly string[]): void {
  for (const name of Object.keys(fields.value)) {
    if (!known.includes(name) && MEANS_A_PRICE.test(name)) {
      fields.problem(name, `is not known; known are ${known.join(", ")}`);
    }
  }
}

function readOverride(fields: Fields, path: string): PriceOverride {
  refuseSlips(fields, PRICE_MEMBERS);
  const multiplier = readMultiplier(fields);
  const isMultiplierOnly = multiplier !== undefined && PRICE_MEMBERS.every(isAlone(fields));
  if (path.endsWith("/*") && !isMultiplierOnly) {
    fields.problems.push(`${path}: must have a priceMultiplier and no price: models differ`);
  }
  const given = multiplier === undefined ? {} : { multiplier };
  return isMultiplierOnly || path.endsWith("/*") ? given : { price: readPrice(fields, path), ...given };
}

function isAlone({ value }: Fields): (name: string) => boolean {
  return (name) => name === "priceMultiplier" || (value[name] ?? undefined) === undefined;
}

/** A decimal, read like a rate: millionths. */
function readMultiplier(fields: Fields): number | undefined {
  const given = fields.value.priceMultiplier ?? undefined;
  if (given === undefined) return undefined;
  const millionths = decimalOf(given);
  if (millionths !== undefined && millionths > 0 && millionths <= 1_000_000_000) return millionths;
  fields.problem("priceMultiplier", `must be a number above 0 and up to 1000, such as "1.1", not ${shown(given)}`);
  return undefined;
}

function readPrice(fields: Fields, path: string): ModelPrice {
  const tiers = readTiers(fields, path);
  const perRequest = fields.usd("perRequestUsd");
  // Dollars for 1,000, read as for a million, are 1,000 picodollars: a nano-dollar for each.
  const perWebSearch = readRate(fields, "webSearchUsdPerThousand", 'US dollars for 1,000 searches, such as "10"');
  const contextWindow = fields.wholeNumber("contextWindow", { from: 1, to: 1_000_000_000 });
  const maxOutputTokens = fields.wholeNumber("maxOutputTokens", { from: 1, to: 1_000_000_000 });
  return {
    rates: readRates(fields),
    ...(tiers.length > 0 ? { tiers } : {}),
    ...(perRequest === undefined ? {} : { perRequestNanoUsd: perRequest }),
    ...(perWebSearch === undefined ? {} : { perWebSearchNanoUsd: toNanoUsd(perWebSearch) }),
    ...(contextWindow === undefined ? {} : { contextWindow }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  };
}

function readTiers(fields: Fields, path: string): { aboveInputTokens: number; rates: Rates }[] {
  const tiers = fields.value.tiers ?? [];
  if (!Array.isArray(tiers)) {
    fields.problem("tiers", `must be a list, not ${shown(tiers)}`);
    return [];
  }
  const read = tiers
    .map((entry, index) => readTier(fieldsOf(entry, `${path}.tiers[${index}]`, fields.problems)))
    .filter((tier) => tier !== undefined)
    .sort((a, b) => a.aboveInputTokens - b.aboveInputTokens);
  const twice = read.find((tier, index) => tier.aboveInputTokens === read[index + 1]?.aboveInputTokens);
  if (twice) fields.problem("tiers", `has two tiers above ${twice.aboveInputTokens} input tokens`);
  return read;
}

function readTier(tier: Fields | undefined) {
  if (!tier) return undefined;
  refuseSlips(tier, TIER_MEMBERS);
  tier.require("aboveInputTokens");
  const aboveInputTokens = tier.wholeNumber("aboveInputTokens", { from: 1, to: 1_000_000_000 });
  const rates = readRates(tier);
  return aboveInputTokens === undefined ? undefined : { aboveInputTokens, rates };
}

function readRates(fields: Fields): Rates {
  for (const name of ["inputUsdPerMillion", "outputUsdPerMillion"]) {
    if ((fields.value[name] ?? undefined) === undefined) fields.problem(name, "is missing");
  }
  const read = Object.entries(RATES).map(([name, kind]) => [kind, readRate(fields, name)] as const);
  const given = Object.fromEntries(read.filter(([, rate]) => rate !== undefined));
  return { input: picoPerToken(0), output: picoPerToken(0), ...given };
}

const RATE = 'US dollars for a million tokens, such as "1.50"';

function readRate(fields: Fields, name: string, accepted: string = RATE): PicoUsdPerToken | undefined {
  const given = fields.value[name] ?? undefined;
  const rate = given === undefined ? undefined : decimalOf(given);
  if (given !== undefined && rate === undefined) fields.problem(name, `must be ${accepted}, not ${shown(given)}`);
  return rate;
}

function decimalOf(value: unknown): PicoUsdPerToken | undefined {
  try {
    return typeof value === "string" || typeof value === "number" ? picoPerToken(value) : undefined;
  } catch {
    return undefined;
  }
}

import { type Fields, fieldsOf, shown } from "../../core/fields.js";
import { type ModelPrice, type PicoUsdPerToken, picoPerToken, type Rates } from "../../core/pricing.js";

/** Reads the document of WFLO_PRICES; every wrong field is named by its path. */
export function parsePriceFile(
  value: unknown,
): ReadonlyMap<string, ModelPrice> | { readonly problems: readonly string[] } {
  const problems: string[] = [];
  const file = fieldsOf(value, "", problems);
  if (!file) return { problems: ["a price file must be an object of models"] };
  const prices = new Map<string, ModelPrice>();
  for (const [model, entry] of Object.entries(file.value)) {
    if (!/^[^/\s]+\/\S+$/.test(model)) problems.push(`${model}: is not a model; write it like "provider/model"`);
    const fields = fieldsOf(entry, model, problems);
    if (fields) prices.set(model, readPrice(fields, model));
  }
  return problems.length > 0 ? { problems } : prices;
}

/** Names of rates, in a price and in each of its tiers. */
const RATES = [
  ...["inputUsdPerMillion", "outputUsdPerMillion", "cachedInputUsdPerMillion"],
  ...["cacheWriteUsdPerMillion", "cacheWrite1hUsdPerMillion", "reasoningUsdPerMillion"],
];
const PRICE_MEMBERS = [...RATES, "perRequestUsd", "tiers", "contextWindow", "maxOutputTokens"];
const TIER_MEMBERS = [...RATES, "aboveInputTokens"];

/** What a price could be meant by; other members (a comment) are ignored, as everywhere. */
const MEANS_A_PRICE = /usd|million|token|tier|window|price|cach|output|input|request/i;

/** A slip of the pen is told: ignored, it would charge another rate than its author thinks. */
function refuseSlips(fields: Fields, known: readonly string[]): void {
  for (const name of Object.keys(fields.value)) {
    if (!known.includes(name) && MEANS_A_PRICE.test(name)) {
      fields.problem(name, `is not known; known are ${known.join(", ")}`);
    }
  }
}

function readPrice(fields: Fields, path: string): ModelPrice {
  refuseSlips(fields, PRICE_MEMBERS);
  const tiers = readTiers(fields, path);
  const perRequest = fields.usd("perRequestUsd");
  const contextWindow = fields.wholeNumber("contextWindow", { from: 1, to: 1_000_000_000 });
  const maxOutputTokens = fields.wholeNumber("maxOutputTokens", { from: 1, to: 1_000_000_000 });
  return {
    rates: readRates(fields),
    ...(tiers.length > 0 ? { tiers } : {}),
    ...(perRequest === undefined ? {} : { perRequestNanoUsd: perRequest }),
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
  const cachedInput = readRate(fields, "cachedInputUsdPerMillion");
  const cacheWrite = readRate(fields, "cacheWriteUsdPerMillion");
  const cacheWrite1h = readRate(fields, "cacheWrite1hUsdPerMillion");
  const reasoning = readRate(fields, "reasoningUsdPerMillion");
  return {
    input: readRate(fields, "inputUsdPerMillion", "required") ?? picoPerToken(0),
    output: readRate(fields, "outputUsdPerMillion", "required") ?? picoPerToken(0),
    ...(cachedInput === undefined ? {} : { cachedInput }),
    ...(cacheWrite === undefined ? {} : { cacheWrite }),
    ...(cacheWrite1h === undefined ? {} : { cacheWrite1h }),
    ...(reasoning === undefined ? {} : { reasoning }),
  };
}

function readRate(fields: Fields, name: string, required?: "required"): PicoUsdPerToken | undefined {
  const rate = fields.value[name] ?? undefined;
  if (rate === undefined) {
    if (required) fields.problem(name, "is missing");
    return undefined;
  }
  try {
    if (typeof rate !== "string" && typeof rate !== "number") throw new RangeError(shown(rate));
    return picoPerToken(rate);
  } catch {
    fields.problem(name, `must be US dollars for a million tokens, such as "1.50", not ${shown(rate)}`);
    return undefined;
  }
}

import type { ModelPrice } from "../../core/pricing.js";
import { BUNDLED, cataloguePrice } from "./price-catalogue.js";
import { createPriceTable, overrideOf, type PriceSettings } from "./price-table.js";
import { usdPerMillion } from "./price-words.js";
import { PROVIDER_NAMES } from "./providers.js";

/** Prices, for people who look them up. */
export interface PriceList {
  readonly book: string;
  /** Models with a price: a provider's, or all that can be called, and a user's own. */
  models(provider: string | undefined, at: Date): readonly string[];
  /** `from` is WFLO_PRICES or the catalogue, with a multiplier where there is one: `genai-prices@0.1.8 × 1.1`. */
  find(model: string, at: Date): { readonly price?: ModelPrice; readonly from?: string };
}

export function createPriceList(settings: PriceSettings): PriceList {
  const { catalogue = BUNDLED, overrides = new Map() } = settings;
  const table = createPriceTable(settings);
  const ofProvider = (provider: string, at: Date) =>
    (catalogue.models(provider) ?? [])
      .map(({ id }) => `${provider}/${id}`)
      .filter((model) => cataloguePrice(model, at, catalogue) !== undefined);
  const own = [...overrides.keys()].filter((model) => !model.endsWith("/*"));
  return {
    book: table.book,
    models(provider, at) {
      const providers = provider === undefined ? PROVIDER_NAMES : [provider];
      const wanted = own.filter((model) => provider === undefined || model.startsWith(`${provider}/`));
      return [...new Set([...providers.flatMap((name) => ofProvider(name, at)), ...wanted])].sort();
    },
    find(model, at) {
      const price = table.price(model, at);
      if (!price) return {};
      const override = overrideOf(overrides, model);
      const source = override?.price ? "WFLO_PRICES" : catalogue.name;
      const { multiplier } = override ?? {};
      return { price, from: multiplier === undefined ? source : `${source} × ${usdPerMillion(multiplier)}` };
    },
  };
}

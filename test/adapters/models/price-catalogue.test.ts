import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import { waitForUpdate } from "@pydantic/genai-prices";
import { CATALOGUE_VERSION, cataloguePrice } from "../../../adapters/models/price-catalogue.js";

const AT = new Date("2026-11-25T16:00:00Z");

test("the catalogue's version is the package's own", async () => {
  const entry = createRequire(import.meta.url).resolve("@pydantic/genai-prices");
  const { version } = JSON.parse(await readFile(join(dirname(entry), "../package.json"), "utf8")) as {
    version: string;
  };
  expect(version).toBe(CATALOGUE_VERSION);
});

/** US dollars per million tokens, from LiteLLM 1.109.1 (independent authors), in its own order. */
test.each([
  // model, input, output, cached, written
  ["openai/gpt-5", 1.25, 10, 0.125, undefined],
  ["openai/gpt-5-mini", 0.25, 2, 0.025, undefined],
  ["openai/gpt-4o-mini", 0.15, 0.6, 0.075, undefined],
  ["openai/o3", 2, 8, 0.5, undefined],
  ["openai/o4-mini", 1.1, 4.4, 0.275, undefined],
  ["openai/gpt-5.5", 5, 30, 0.5, undefined],
  ["openai/gpt-6-sol", 2, 10, 0.2, 2.5],
  ["anthropic/claude-sonnet-4-5", 3, 15, 0.3, 3.75],
  ["anthropic/claude-opus-4-5", 5, 25, 0.5, 6.25],
  ["anthropic/claude-opus-5-5", 4, 20, 0.2, 5],
  ["anthropic/claude-haiku-4-5", 1, 5, 0.1, 1.25],
  ["google/gemini-2.5-pro", 1.25, 10, 0.125, undefined],
  ["google/gemini-2.5-flash", 0.3, 2.5, 0.03, undefined],
])("%s costs what a second source says, to the picodollar", (model, input, output, cachedInput, cacheWrite) => {
  const pico = (usd: number | undefined) => usd && Math.round(usd * 1e6);
  expect(cataloguePrice(model, AT)?.rates).toEqual({
    input: pico(input),
    output: pico(output),
    cachedInput: pico(cachedInput),
    ...(cacheWrite === undefined ? {} : { cacheWrite: pico(cacheWrite) }),
  });
});

test.each([
  ["anthropic/claude-haiku-4-5-20251001", "anthropic/claude-haiku-4-5"],
  ["anthropic/claude-haiku-4-5-latest", "anthropic/claude-haiku-4-5"],
  ["openai/gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini"],
  ["anthropic/claude-opus-4-20250514", "anthropic/claude-opus-4-0"],
])("%s, a date or a literal alias of %s, costs the same", (dated, model) => {
  expect(cataloguePrice(dated, AT)).toBeDefined();
  expect(cataloguePrice(dated, AT)).toEqual(cataloguePrice(model, AT));
});

test.each([
  // The catalogue itself matches by prefix, and would price these like their predecessors.
  "anthropic/claude-sonnet-5-5",
  "anthropic/claude-sonnet-5-9",
  "anthropic/claude-haiku-4-5-mini",
  "anthropic/claude-haiku-4-5-2025",
  "anthropic/claude-haiku-4-5-20251001-x",
  "google/gemini-3.8-flash-lite-tts",
  "google/gemini-2.5-flash-2",
  "openai/gpt-4o-mini2",
  "openai/GPT-4O-MINI",
  "openai/",
  "openai",
  "",
  "nobody/gpt-4o-mini",
  "open/gpt-4o-mini",
  "openai-compatible/gpt-4o-mini",
  "openai/constructor",
])("%j has no price: it is not exactly a model of the catalogue", (model) => {
  expect(cataloguePrice(model, AT)).toBeUndefined();
});

test("every model of the catalogue is found by its own id, and never by a longer one", async () => {
  let priced = 0;
  for (const { id: provider, models } of (await waitForUpdate()) as { id: string; models: { id: string }[] }[]) {
    for (const { id } of models) {
      const price = cataloguePrice(`${provider}/${id}`, AT);
      if (price) priced += 1;
      expect([id, cataloguePrice(`${provider}/${id}-zz9`, AT)]).toEqual([id, undefined]);
    }
  }
  expect(priced).toBeGreaterThan(1_400);
});

test("every rate of every model is a whole number of picodollars, and every tier is complete", async () => {
  for (const { id: provider, models } of (await waitForUpdate()) as { id: string; models: { id: string }[] }[]) {
    for (const { id } of models) {
      const price = cataloguePrice(`${provider}/${id}`, AT);
      if (!price) continue;
      const all = [price.rates, ...(price.tiers ?? []).map(({ rates }) => rates)];
      for (const rates of all) {
        expect([id, Object.values(rates).every((rate) => Number.isSafeInteger(rate) && rate >= 0)]).toEqual([id, true]);
        expect([id, Object.keys(rates).sort()]).toEqual([id, Object.keys(price.rates).sort()]);
      }
      const starts = (price.tiers ?? []).map(({ aboveInputTokens }) => aboveInputTokens);
      expect([id, starts]).toEqual([id, [...new Set(starts)].sort((a, b) => a - b)]);
    }
  }
});

test("a tier has the rates of the whole request above its length", () => {
  expect(cataloguePrice("google/gemini-2.5-pro", AT)).toEqual({
    rates: { input: 1_250_000, output: 10_000_000, cachedInput: 125_000 },
    tiers: [{ aboveInputTokens: 200_000, rates: { input: 2_500_000, output: 15_000_000, cachedInput: 250_000 } }],
  });
  expect(cataloguePrice("openai/gpt-6-sol", AT)?.tiers).toEqual([
    {
      aboveInputTokens: 272_000,
      rates: { input: 4_000_000, output: 15_000_000, cachedInput: 400_000, cacheWrite: 5_000_000 },
    },
  ]);
});

test("a price holds from its date on", () => {
  const before = cataloguePrice("google/gemini-3.6-flash", new Date("2026-12-31T23:59:59Z"));
  const after = cataloguePrice("google/gemini-3.6-flash", new Date("2027-01-01T00:00:00Z"));
  expect(before?.rates).toMatchObject({ input: 750_000, output: 3_750_000 });
  expect(after?.rates.input).toBeGreaterThan(750_000);
});

test("where the hour changes the price, the dearest hour stands for all", () => {
  for (const hour of ["02", "16"]) {
    const price = cataloguePrice("deepseek/deepseek-v4-pro", new Date(`2026-11-25T${hour}:00:00Z`));
    expect(price?.rates).toEqual({ input: 1_320_000, output: 3_960_000, cachedInput: 44_000 });
  }
});

test("what is no text model has no price", () => {
  expect(cataloguePrice("openai/text-embedding-3-small", AT)).toBeUndefined();
});

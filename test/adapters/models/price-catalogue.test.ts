import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import { waitForUpdate } from "@pydantic/genai-prices";
import fc from "fast-check";
import { CATALOGUE_VERSION, cataloguePrice } from "../../../adapters/models/price-catalogue.js";
import { boundNanoUsd, costNanoUsd, type ModelPrice, priceAt } from "../../../core/pricing.js";
import { NO_USAGE, type Usage } from "../../../core/usage.js";

const AT = new Date("2026-11-25T16:00:00Z");

test("the catalogue's version is the package's own", async () => {
  const entry = createRequire(import.meta.url).resolve("@pydantic/genai-prices");
  const { version } = JSON.parse(await readFile(join(dirname(entry), "../package.json"), "utf8")) as {
    version: string;
  };
  expect(version).toBe(CATALOGUE_VERSION);
});

/** US dollars per million tokens, from LiteLLM 1.109.1 (independent authors), in its own order. */
test.each<[string, number, number, number, number?, number?]>([
  // model, input, output, cached, written for five minutes, for an hour
  ["openai/gpt-5", 1.25, 10, 0.125],
  ["openai/gpt-5-mini", 0.25, 2, 0.025],
  ["openai/gpt-4o-mini", 0.15, 0.6, 0.075],
  ["openai/o3", 2, 8, 0.5],
  ["openai/o4-mini", 1.1, 4.4, 0.275],
  ["openai/gpt-5.5", 5, 30, 0.5],
  ["openai/gpt-6-sol", 2, 10, 0.2, 2.5],
  ["anthropic/claude-sonnet-4-5", 3, 15, 0.3, 3.75, 6],
  ["anthropic/claude-opus-4-5", 5, 25, 0.5, 6.25, 10],
  ["anthropic/claude-opus-5-5", 4, 20, 0.2, 5, 8],
  ["anthropic/claude-haiku-4-5", 1, 5, 0.1, 1.25, 2],
  ["google/gemini-2.5-pro", 1.25, 10, 0.125],
  ["google/gemini-2.5-flash", 0.3, 2.5, 0.03],
])("%s costs what a second source says, to the picodollar", (model, ...usd) => {
  const pico = usd.map((dollars = Number.NaN) => Math.round(dollars * 1e6));
  const [input, output, cachedInput, cacheWrite, cacheWrite1h] = pico;
  const { audioInput, ...rates } = cataloguePrice(model, AT)?.rates ?? {};
  expect(rates).toEqual({
    input,
    output,
    cachedInput,
    ...(cacheWrite === undefined ? {} : { cacheWrite }),
    ...(cacheWrite1h === undefined ? {} : { cacheWrite1h }),
  });
});

/** What a call costs by the providers' pages, in nano-dollars: 100,000 tokens in, of them 60,000 cached, and 1,000 out. */
const CACHED = { inputTokens: 100_000, cachedInputTokens: 60_000, outputTokens: 1_000 };

test.each<[string, string, Partial<Usage>, number]>([
  ["openai/gpt-5", "cached input", CACHED, 40_000 * 1_250 + 60_000 * 125 + 1_000 * 10_000],
  ["openai/gpt-5", "reasoning, which is output", { outputTokens: 2_000, reasoningTokens: 1_800 }, 2_000 * 10_000],
  [
    "openai/gpt-5.5",
    "long input, as a whole",
    { inputTokens: 300_000, outputTokens: 1_000 },
    300_000 * 10_000 + 1_000 * 45_000,
  ],
  ["openai/gpt-6-sol", "cache writes", { inputTokens: 10_000, cacheWriteTokens: 8_000 }, 2_000 * 2_000 + 8_000 * 2_500],
  [
    "anthropic/claude-opus-5-5",
    "cache writes for five minutes",
    { inputTokens: 10_000, cacheWriteTokens: 8_000 },
    2_000 * 4_000 + 8_000 * 5_000,
  ],
  [
    "anthropic/claude-opus-5-5",
    "cache writes of both kinds, and cached input",
    { inputTokens: 10_000, cachedInputTokens: 1_000, cacheWriteTokens: 8_000, cacheWrite1hTokens: 3_000 },
    1_000 * 4_000 + 1_000 * 200 + 5_000 * 5_000 + 3_000 * 8_000,
  ],
  [
    "google/gemini-2.5-pro",
    "long input, of it cached",
    { ...CACHED, inputTokens: 250_000 },
    190_000 * 2_500 + 60_000 * 250 + 1_000 * 15_000,
  ],
  ["google/gemini-2.5-flash", "thoughts, which are output", { outputTokens: 500, reasoningTokens: 400 }, 500 * 2_500],
  [
    "google/gemini-2.5-flash",
    "sound that is heard",
    { inputTokens: 1_000, audioInputTokens: 600 },
    400 * 300 + 600 * 1_000,
  ],
  [
    "google/gemini-2.5-flash-image",
    "a picture that is drawn",
    { inputTokens: 100, outputTokens: 1_300, imageOutputTokens: 1_290 },
    100 * 300 + 10 * 2_500 + 1_290 * 30_000,
  ],
  ["anthropic/claude-haiku-4-5", "searches in the web, at $10 for 1,000", { webSearches: 3 }, 30_000_000],
])("%s: %s", (model, _, usage, nanoUsd) => {
  const price = cataloguePrice(model, AT) as ModelPrice;
  expect(costNanoUsd(price, { ...NO_USAGE, ...usage }, AT.getTime())).toBe(nanoUsd);
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
  // Whatever is newest; the catalogue's `gemini-pro` costs a tenth.
  "google/gemini-pro-latest",
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

test("a price holds from its date on, also for a run that began before", () => {
  const before = cataloguePrice("google/gemini-3.6-flash", new Date("2026-12-31T23:59:59Z")) as ModelPrice;
  const after = cataloguePrice("google/gemini-3.6-flash", new Date("2027-01-01T00:00:00Z")) as ModelPrice;
  expect(before.rates).toMatchObject({ input: 750_000, output: 3_750_000 });
  expect(after.rates.input).toBeGreaterThan(750_000);
  expect(priceAt(before, Date.parse("2026-12-31T23:59:59Z")).rates).toEqual(before.rates);
  expect(priceAt(before, Date.parse("2027-01-01T00:00:00Z")).rates).toEqual(after.rates);
});

test.each([
  ["00:59:59", 660_000, 1_980_000],
  ["01:00:00", 1_320_000, 3_960_000],
  ["03:59:59", 1_320_000, 3_960_000],
  ["04:00:00", 660_000, 1_980_000],
  ["06:00:00", 1_320_000, 3_960_000],
  ["10:00:00", 660_000, 1_980_000],
])("where the hour changes the price, a call at %s UTC costs that of its hour", (time, input, output) => {
  const price = cataloguePrice("deepseek/deepseek-v4-pro", AT) as ModelPrice;
  expect(priceAt(price, Date.parse(`2026-11-26T${time}Z`)).rates).toMatchObject({ input, output });
});

test("and its bound is at the dearest hour that it can reach", () => {
  const price = cataloguePrice("deepseek/deepseek-v4-pro", AT) as ModelPrice;
  const bound = { inputTokens: 1_000, outputTokens: 0 };
  const at = (from: string, to: string) =>
    boundNanoUsd(price, bound, { fromMs: Date.parse(`2026-11-26T${from}Z`), toMs: Date.parse(`2026-11-26T${to}Z`) });
  expect(at("11:00:00", "12:00:00")).toBe(660_000);
  expect(at("05:30:00", "06:00:00")).toBe(1_320_000);
  expect(at("03:59:59", "04:30:00")).toBe(1_320_000);
});

test("no model costs more than its bound, whatever is counted within it", async () => {
  const priced: [string, ModelPrice][] = [];
  for (const { id: provider, models } of (await waitForUpdate()) as { id: string; models: { id: string }[] }[]) {
    for (const { id } of models) {
      const price = cataloguePrice(`${provider}/${id}`, AT);
      if (price) priced.push([`${provider}/${id}`, price]);
    }
  }
  const count = fc.integer({ min: 0, max: 2_000_000 });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const within = fc.record({
    input: count,
    output: count,
    cached: share,
    written: share,
    reasoned: share,
    drawn: share,
    late: share,
  });
  for (const [model, price] of priced) {
    fc.assert(
      fc.property(within, ({ input, output, cached, written, reasoned, drawn, late }) => {
        const window = { fromMs: AT.getTime(), toMs: AT.getTime() + 3_600_000 };
        const cachedInputTokens = Math.floor(input * cached);
        const usage = {
          inputTokens: input,
          outputTokens: output,
          cachedInputTokens,
          cacheWriteTokens: Math.floor((input - cachedInputTokens) * written),
          reasoningTokens: Math.floor(output * reasoned),
          imageOutputTokens: Math.floor(output * drawn),
          audioOutputTokens: Math.floor(output * (1 - drawn)),
        };
        const bound = boundNanoUsd(price, { inputTokens: input, outputTokens: output }, window);
        const cost = costNanoUsd(price, usage, Math.floor(window.fromMs + late * 3_600_000));
        return cost <= bound || `${model}: ${cost} of at most ${bound}` === "";
      }),
      { numRuns: 12 },
    );
  }
}, 60_000);

test("what is no text model has no price", () => {
  expect(cataloguePrice("openai/text-embedding-3-small", AT)).toBeUndefined();
});

import { expect, test } from "@jest/globals";
import { type PriceOverrides, parsePriceFile } from "../../../adapters/models/price-file.js";
import { createPriceTable } from "../../../adapters/models/price-table.js";
import { costNanoUsd } from "../../../core/pricing.js";
import { NO_USAGE } from "../../../core/usage.js";

/** A moment at which no price changes. */
const NOW = { fromMs: 0, toMs: 0 };

const AT = new Date("2026-11-25T16:00:00Z");
const pricesOf = (file: unknown) => parsePriceFile(file) as PriceOverrides;
const problemsOf = (file: unknown) => (parsePriceFile(file) as { problems?: readonly string[] }).problems;

const LEAST = { inputUsdPerMillion: "1.50", outputUsdPerMillion: "6" };

test("a price has everything that the contract says, exact", () => {
  const file = {
    "acme/large": {
      ...LEAST,
      cachedInputUsdPerMillion: "0.15",
      cacheWriteUsdPerMillion: 1.875,
      cacheWrite1hUsdPerMillion: "3",
      perRequestUsd: "0.01",
      tiers: [
        { aboveInputTokens: 500_000, inputUsdPerMillion: "6", outputUsdPerMillion: "24" },
        {
          aboveInputTokens: 200_000,
          inputUsdPerMillion: "3",
          outputUsdPerMillion: "12",
          cachedInputUsdPerMillion: "0.3",
        },
      ],
      contextWindow: 1_000_000,
      maxOutputTokens: 64_000,
      comment: "ignored",
    },
  };
  expect(pricesOf(file).get("acme/large")?.price).toEqual({
    rates: {
      input: 1_500_000,
      output: 6_000_000,
      cachedInput: 150_000,
      cacheWrite: 1_875_000,
      cacheWrite1h: 3_000_000,
    },
    perRequestNanoUsd: 10_000_000,
    tiers: [
      { aboveInputTokens: 200_000, rates: { input: 3_000_000, output: 12_000_000, cachedInput: 300_000 } },
      { aboveInputTokens: 500_000, rates: { input: 6_000_000, output: 24_000_000 } },
    ],
    contextWindow: 1_000_000,
    maxOutputTokens: 64_000,
  });
});

test("a price may be nothing, a number, or finer than a picodollar, which is rounded up", () => {
  const file = {
    "a/free": { inputUsdPerMillion: 0, outputUsdPerMillion: "0" },
    "a/fine": { ...LEAST, inputUsdPerMillion: "0.0000001" },
  };
  expect(pricesOf(file).get("a/free")?.price?.rates).toEqual({ input: 0, output: 0 });
  expect(pricesOf(file).get("a/fine")?.price?.rates.input).toBe(1);
  expect(pricesOf({}).size).toBe(0);
});

const entry = (fields: object) => ({ "acme/large": { ...LEAST, ...fields } });
const RATE = 'must be US dollars for a million tokens, such as "1.50", not ';

test.each([
  [null, "a price file must be an object of models"],
  [[], "a price file must be an object of models"],
  ["prices", "a price file must be an object of models"],
  [{ "gpt-5": LEAST }, 'gpt-5: is not a model; write it like "provider/model"'],
  [{ "openai/gpt 5": LEAST }, 'openai/gpt 5: is not a model; write it like "provider/model"'],
  [{ "acme/large": 7 }, "acme/large: must be an object, not 7"],
  [{ "acme/large": { outputUsdPerMillion: "6" } }, "acme/large.inputUsdPerMillion: is missing"],
  [
    { "acme/large": { inputUsdPerMillion: "6", outputUsdPerMillion: null } },
    "acme/large.outputUsdPerMillion: is missing",
  ],
  [entry({ inputUsdPerMillion: "-1" }), `acme/large.inputUsdPerMillion: ${RATE}"-1"`],
  [entry({ inputUsdPerMillion: "$1" }), `acme/large.inputUsdPerMillion: ${RATE}"$1"`],
  [entry({ outputUsdPerMillion: true }), `acme/large.outputUsdPerMillion: ${RATE}true`],
  [entry({ outputUsdPerMillion: "1e99" }), `acme/large.outputUsdPerMillion: ${RATE}"1e99"`],
  [entry({ cachedInputUsdPerMillion: "" }), `acme/large.cachedInputUsdPerMillion: ${RATE}""`],
  [entry({ cacheWriteUsdPerMillion: {} }), `acme/large.cacheWriteUsdPerMillion: ${RATE}an object`],
  [entry({ cacheWrite1hUsdPerMillion: Number.NaN }), `acme/large.cacheWrite1hUsdPerMillion: ${RATE}NaN`],
  [
    entry({ perRequestUsd: "one" }),
    'acme/large.perRequestUsd: "one" is not an amount of US dollars; write it like "0.50"',
  ],
  [
    entry({ cachedInputUsdPerMilion: "0.1" }),
    "acme/large.cachedInputUsdPerMilion: is not known; known are inputUsdPerMillion, outputUsdPerMillion, cachedInputUsdPerMillion, cacheWriteUsdPerMillion, cacheWrite1hUsdPerMillion, reasoningUsdPerMillion, audioInputUsdPerMillion, imageInputUsdPerMillion, audioOutputUsdPerMillion, imageOutputUsdPerMillion, perRequestUsd, webSearchUsdPerThousand, tiers, contextWindow, maxOutputTokens, priceMultiplier",
  ],
  [
    entry({ webSearchUsdPerThousand: "ten" }),
    'acme/large.webSearchUsdPerThousand: must be US dollars for 1,000 searches, such as "10", not "ten"',
  ],
  [
    entry({ priceMultiplier: 0 }),
    'acme/large.priceMultiplier: must be a number above 0 and up to 1000, such as "1.1", not 0',
  ],
  [
    entry({ priceMultiplier: "1e9" }),
    'acme/large.priceMultiplier: must be a number above 0 and up to 1000, such as "1.1", not "1e9"',
  ],
  [{ "acme/large": { priceMultiplier: "1.1", outputUsdPerMillion: "6" } }, "acme/large.inputUsdPerMillion: is missing"],
  [{ "acme/*": LEAST }, "acme/*: must have a priceMultiplier and no price: models differ"],
  [{ "acme/*": {} }, "acme/*: must have a priceMultiplier and no price: models differ"],
  [
    { "acme/*": { priceMultipler: 2, priceMultiplier: 1 } },
    expect.stringMatching(/^acme\/\*\.priceMultipler: is not known; known are /),
  ],
  [entry({ tiers: {} }), "acme/large.tiers: must be a list, not an object"],
  [entry({ tiers: [7] }), "acme/large.tiers[0]: must be an object, not 7"],
  [entry({ tiers: [LEAST] }), "acme/large.tiers[0].aboveInputTokens: is missing"],
  [
    entry({ tiers: [{ ...LEAST, aboveInputTokens: 0 }] }),
    "acme/large.tiers[0].aboveInputTokens: must be a whole number from 1 to 1000000000, not 0",
  ],
  [
    entry({ tiers: [{ aboveInputTokens: 5, inputUsdPerMillion: "1" }] }),
    "acme/large.tiers[0].outputUsdPerMillion: is missing",
  ],
  [entry({ contextWindow: 0 }), "acme/large.contextWindow: must be a whole number from 1 to 1000000000, not 0"],
  [
    entry({ maxOutputTokens: "8k" }),
    'acme/large.maxOutputTokens: must be a whole number from 1 to 1000000000, not "8k"',
  ],
])("a wrong value is named by its path, with what is accepted (case %#)", (file, problem) => {
  expect(problemsOf(file)).toEqual([problem]);
});

test("two tiers of one length are a mistake", () => {
  const tier = { ...LEAST, aboveInputTokens: 5 };
  expect(problemsOf(entry({ tiers: [tier, tier] }))).toEqual(["acme/large.tiers: has two tiers above 5 input tokens"]);
});

test("all that is wrong is said at once", () => {
  expect(problemsOf({ x: 1, "a/b": { inputUsdPerMillion: "x" } })).toHaveLength(4);
});

test("a price of one's own replaces the catalogue's whole price, and keeps limits that it does not name", () => {
  const plain = createPriceTable();
  const table = createPriceTable({ overrides: pricesOf({ "openai/gpt-5": LEAST, "acme/large": LEAST }) });
  expect(table.price("openai/gpt-5", AT)).toEqual({
    rates: { input: 1_500_000, output: 6_000_000 },
    contextWindow: 400_000,
    maxOutputTokens: 128_000,
  });
  expect(table.price("acme/large", AT)).toEqual({ rates: { input: 1_500_000, output: 6_000_000 } });
  expect(table.price("openai/gpt-4o-mini", AT)).toEqual(plain.price("openai/gpt-4o-mini", AT));
  const limited = createPriceTable({ overrides: pricesOf({ "openai/gpt-5": { ...LEAST, maxOutputTokens: 9 } }) });
  expect(limited.price("openai/gpt-5", AT)?.maxOutputTokens).toBe(9);
});

test("kinds of tokens and searches have their own prices, where a file gives them", () => {
  const file = entry({
    ...{ reasoningUsdPerMillion: "7", audioInputUsdPerMillion: "3", imageInputUsdPerMillion: "2" },
    ...{ audioOutputUsdPerMillion: "20", imageOutputUsdPerMillion: "30", webSearchUsdPerThousand: "10" },
  });
  const price = createPriceTable({ overrides: pricesOf(file) }).price("acme/large", AT);
  const usage = { ...NO_USAGE, inputTokens: 1_000, audioInputTokens: 100, imageInputTokens: 200, outputTokens: 100 };
  const parts = { reasoningTokens: 10, audioOutputTokens: 20, imageOutputTokens: 30, webSearches: 2 };
  const input = 700 * 1_500 + 100 * 3_000 + 200 * 2_000;
  const output = 40 * 6_000 + 10 * 7_000 + 20 * 20_000 + 30 * 30_000;
  expect(price && costNanoUsd(price, { ...usage, ...parts }, NOW.fromMs)).toBe(input + output + 2 * 10_000_000);
});

test("a multiplier makes every rate and fee of a price dearer or cheaper, rounded up: a region's, a tier's, a batch's", () => {
  const file = {
    "openai/gpt-5": { priceMultiplier: "1.1" },
    "openai/*": { priceMultiplier: 0.5 },
    "deepseek/deepseek-v4-pro": { priceMultiplier: 2 },
    "acme/large": { ...LEAST, perRequestUsd: "0.000000003", priceMultiplier: "1.5" },
    "acme/*": { priceMultiplier: 9 },
  };
  const [plain, table] = [createPriceTable(), createPriceTable({ overrides: pricesOf(file) })];
  expect(table.price("openai/gpt-5", AT)?.rates).toEqual({
    input: 1_375_000,
    output: 11_000_000,
    cachedInput: 137_500,
  });
  expect(table.price("openai/gpt-6-sol", AT)?.rates.cacheWrite).toBe(1_250_000);
  expect(table.price("openai/gpt-6-sol", AT)?.tiers?.[0]?.rates.input).toBe(2_000_000);
  expect(table.price("acme/large", AT)).toEqual({
    rates: { input: 2_250_000, output: 9_000_000 },
    perRequestNanoUsd: 5,
  });
  expect(table.price("acme/other", AT)).toBeUndefined();
  const inputs = (some: typeof table) =>
    some.price("deepseek/deepseek-v4-pro", AT)?.times?.map(({ rates }) => rates.input) ?? [];
  expect(inputs(table).length).toBeGreaterThan(0);
  expect(inputs(table)).toEqual(inputs(plain).map((rate) => 2 * rate));
  expect(table.book).not.toBe(plain.book);
});

test("a call costs what the file says", () => {
  const price = createPriceTable({ overrides: pricesOf(entry({ perRequestUsd: "0.001" })) }).price("acme/large", AT);
  expect(price && costNanoUsd(price, { ...NO_USAGE, inputTokens: 1_000, outputTokens: 100 }, NOW.fromMs)).toBe(
    1_500_000 + 600_000 + 1_000_000,
  );
});

test("the book's name tells catalogues and files apart, whatever the order of a file", () => {
  const book = (file: object) => createPriceTable({ overrides: pricesOf(file) }).book;
  const other = { ...LEAST, inputUsdPerMillion: "2" };
  expect(book({ "a/x": LEAST, "b/y": other })).toBe(book({ "b/y": other, "a/x": LEAST }));
  expect(new Set([book({}), book({ "a/x": LEAST }), book({ "a/x": other }), book({ "a/y": LEAST })]).size).toBe(4);
  expect(book({})).toMatch(/^genai-prices@\d+\.\d+\.\d+\+sha256:[0-9a-f]{12}$/);
});

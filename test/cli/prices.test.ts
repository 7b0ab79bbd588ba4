import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { waitForUpdate } from "@pydantic/genai-prices";
import { readConfig } from "../../workers/config.js";
import { readPriceSettings } from "../../workers/price-settings.js";
import { wflo, wfloJson } from "./command-line.js";

/* `wflo prices`: what models cost, and a catalogue that is taken anew, from a file or an address. */

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "wflo-prices-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Listed {
  readonly priceBook: string;
  readonly models: readonly { readonly model: string; readonly from: string | null; readonly price: object | null }[];
}

const model = (id: string, prices: unknown) => ({ id, match: { equals: id }, prices });
const published = (prices: unknown) => [{ id: "openai", name: "OpenAI", models: [model("gpt-new", prices)] }];
const NEW = published({ input_mtok: 3, output_mtok: { base: 9, tiers: [{ start: 1_000, price: 12 }] } });

async function fileOf(content: unknown, name = "catalogue.json"): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

describe("wflo prices", () => {
  test("says what a model costs, in the words of WFLO_PRICES, and from where that is known", async () => {
    const { document } = await wfloJson<Listed>(["prices", "openai/gpt-6-sol", "acme/unheard"], undefined, { folder });
    expect(document).toMatchObject({
      priceBook: expect.stringMatching(/^genai-prices@0\.1\.8\+sha256:/),
      at: expect.stringMatching(/^\d{4}-/),
      models: [
        {
          model: "openai/gpt-6-sol",
          from: "genai-prices@0.1.8",
          price: {
            ...{ inputUsdPerMillion: "2", outputUsdPerMillion: "10", cachedInputUsdPerMillion: "0.2" },
            cacheWriteUsdPerMillion: "2.5",
            tiers: [{ aboveInputTokens: 272_000, inputUsdPerMillion: "4", outputUsdPerMillion: "15" }],
          },
        },
        { model: "acme/unheard", from: null, price: null, otherTimes: [] },
      ],
    });
    const { stdout } = await wflo(["prices", "openai/gpt-6-sol", "acme/unheard"], undefined, { folder });
    expect(stdout).toMatch(/openai\/gpt-6-sol +2 +10 +0\.2 +2\.5 +above 272,000: 4, 15 +genai-prices@0\.1\.8/);
    expect(stdout).toMatch(/acme\/unheard +no price/);
  });

  test("what it prints of a model can be laid over a catalogue, and costs the same", async () => {
    const names = ["google/gemini-2.5-pro", "perplexity/sonar", "anthropic/claude-haiku-4-5"];
    const before = await wfloJson<Listed>(["prices", ...names], undefined, { folder });
    const own = Object.fromEntries(before.document.models.map(({ model: name, price }) => [name, price]));
    const environment = { WFLO_PRICES: await fileOf(own, "own.json") };
    const after = await wfloJson<Listed>(["prices", ...names], undefined, { folder, environment });
    expect(after.document.models.map(({ price }) => price)).toEqual(before.document.models.map(({ price }) => price));
    expect(after.document.models.map(({ from }) => from)).toEqual(names.map(() => "WFLO_PRICES"));
  });

  test("lists a provider's models, or all that can be called with those of one's own, each once", async () => {
    const own = {
      "acme/large": { inputUsdPerMillion: 1, outputUsdPerMillion: 2 },
      "openai/*": { priceMultiplier: 1.1 },
    };
    const environment = { WFLO_PRICES: await fileOf(own, "own.json") };
    const all = (await wfloJson<Listed>(["prices"], undefined, { folder, environment })).document.models;
    expect(new Set(all.map(({ model: name }) => name)).size).toBe(all.length);
    expect(all).toContainEqual(expect.objectContaining({ model: "acme/large", from: "WFLO_PRICES" }));
    expect(all).toContainEqual(expect.objectContaining({ model: "openai/gpt-5", from: "genai-prices@0.1.8 × 1.1" }));
    expect(all.every(({ price }) => price !== null)).toBe(true);
    const groq = (await wfloJson<Listed>(["prices", "groq"], undefined, { folder })).document.models;
    expect(groq.length).toBeGreaterThan(5);
    expect(groq.every(({ model: name }) => name.startsWith("groq/"))).toBe(true);
  });

  test("tells of other times of the day", async () => {
    const { document } = await wfloJson(["prices", "deepseek/deepseek-v4-pro"], undefined, { folder });
    expect(document).toMatchObject({
      models: [{ otherTimes: [{ dailyUtc: "01:00–04:00", inputUsdPerMillion: "1.32" }, { dailyUtc: "06:00–10:00" }] }],
    });
  });
});

describe("wflo prices refresh", () => {
  test("takes a catalogue from a file; the processes after it use it, and the price book says so", async () => {
    const from = await fileOf(NEW);
    const { document } = await wfloJson<{ file: string }>(["prices", "refresh", "--from", from], undefined, { folder });
    const day = new Date().toISOString().slice(0, 10);
    expect(document).toEqual({ catalogue: `genai-prices@${day}`, from, file: join(folder, ".wflo/prices.json") });
    const after = await wfloJson<Listed>(["prices", "openai/gpt-new", "openai/gpt-5"], undefined, { folder });
    expect(after.document.priceBook).toMatch(new RegExp(`^genai-prices@${day}\\+sha256:[0-9a-f]{12}$`));
    expect(after.document.models).toMatchObject([
      {
        from: `genai-prices@${day}`,
        price: { inputUsdPerMillion: "3", tiers: [{ aboveInputTokens: 1_000, outputUsdPerMillion: "12" }] },
      },
      { price: null },
    ]);
    const { stdout } = await wflo(["prices", "refresh", "--from", document.file], undefined, { folder });
    expect(stdout).toContain("processes use it from their next start on");
  });

  test("takes the catalogue as it is published, whole, from an address, to where WFLO_PRICE_CATALOGUE says", async () => {
    const whole = JSON.stringify(await waitForUpdate());
    const server = createServer((request, response) => {
      response.statusCode = request.url === "/data.json" ? 200 : 404;
      response.end(whole);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const environment = { WFLO_PRICE_CATALOGUE: join(folder, "deep/er/prices.json") };
    try {
      const typed = { folder, environment };
      expect((await wflo(["prices", "refresh", "--from", `${address}/data.json`], undefined, typed)).exitCode).toBe(0);
      const [bundled, refreshed] = [
        await wfloJson<Listed>(["prices"], undefined, { folder }),
        await wfloJson<Listed>(["prices"], undefined, typed),
      ];
      const pricesOf = ({ models }: Listed) => models.map(({ model: name, price }) => [name, price]);
      expect(pricesOf(refreshed.document)).toEqual(pricesOf(bundled.document));
      const failed = await wflo(["prices", "refresh", "--from", `${address}/gone`], undefined, typed);
      expect(failed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("it answers 404") });
      expect(failed.stderr).toContain("bring the file and name it with --from");
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  test.each<[string, unknown, string]>([
    ["another document", { hello: 1 }, "providers: must be a list of providers, with models"],
    ["nothing", [], "providers: must be a list of providers, with models"],
    ["a provider without models", [{ id: "openai" }], "providers[0].models: must be a list of models"],
    ["a model without a name", [{ id: "x", models: [{ match: {}, prices: {} }] }], "providers[0].models[0].id: must"],
    ["a price in words", published({ input_mtok: "3" }), "models[0].prices.input_mtok: must be US dollars, or a base"],
    ["a price below nothing", published({ input_mtok: -3 }), "models[0].prices.input_mtok: must be US dollars"],
    ["half a tier", published({ input_mtok: { base: 1, tiers: [{ start: 5 }] } }), "prices.input_mtok: must be US"],
    [
      "prices at times that are not known",
      published([{ constraint: { type: "phase_of_moon" }, prices: { input_mtok: 1, output_mtok: 1 } }]),
      'prices[0].constraint.type: is "phase_of_moon"; known are start_date, time_of_date',
    ],
    [
      "a day that is none",
      published([{ constraint: { type: "start_date", start_date: "soon" }, prices: { input_mtok: 1 } }]),
      "prices[0].constraint.start_date: must be a day, such as 2026-11-25",
    ],
    ["no JSON", "{", "is no JSON"],
  ])("refuses %s, names the place, and leaves what was there", async (_, content, message) => {
    expect((await wflo(["prices", "refresh", "--from", await fileOf(NEW)], undefined, { folder })).exitCode).toBe(0);
    const before = await readFile(join(folder, ".wflo/prices.json"), "utf8");
    const from = await fileOf(content, "wrong.json");
    const { exitCode, stderr } = await wflo(["prices", "refresh", "--from", from], undefined, { folder });
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining(message) });
    expect(await readFile(join(folder, ".wflo/prices.json"), "utf8")).toBe(before);
    expect(await readdir(join(folder, ".wflo"))).toEqual(["prices.json"]);
  });

  test("a file that is not there is told, and so is a catalogue that settings name and that is not there", async () => {
    const gone = join(folder, "gone.json");
    const refreshed = await wflo(["prices", "refresh", "--from", gone], undefined, { folder });
    expect(refreshed).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/gone\.json cannot be read: ENOENT/),
    });
    const environment = { WFLO_PRICE_CATALOGUE: gone };
    const listed = await wflo(["prices"], undefined, { folder, environment });
    expect(listed.exitCode).toBe(2);
    expect(listed.stderr).toContain("gone.json is not there; wflo prices refresh writes it");
  });

  test("a catalogue that was spoilt later stops a process at start, with the place", async () => {
    const file = await fileOf({
      takenAt: "2026-11-25T00:00:00Z",
      from: "here",
      providers: published({ input_mtok: {} }),
    });
    const config = readConfig({ WFLO_PRICE_CATALOGUE: file }, folder);
    await expect(readPriceSettings(config)).rejects.toThrow(
      `WFLO_PRICE_CATALOGUE: ${file}: providers[0].models[0].prices.input_mtok: must be US dollars, or a base with tiers`,
    );
  });
});

import { readFile } from "node:fs/promises";
import { type CatalogueFile, checkProviders, parseCatalogueFile } from "../adapters/models/catalogue-file.js";
import { readPublished } from "../adapters/models/catalogue-source.js";
import { BUNDLED, type Catalogue } from "../adapters/models/price-catalogue.js";
import { type PriceOverrides, parsePriceFile } from "../adapters/models/price-file.js";
import { writeWholeText } from "../adapters/models/whole-text.js";
import { type Config, WrongSettings } from "./config.js";

type PlaceOfPrices = Pick<Config, "priceFile" | "catalogueFile">;

/** The catalogue and what is laid over it, as the settings say. @throws WrongSettings for files that are wrong, a line each */
export async function readPriceSettings(
  config: PlaceOfPrices,
): Promise<{ readonly catalogue: Catalogue; readonly overrides: PriceOverrides }> {
  return { catalogue: await readCatalogue(config), overrides: await readOverrides(config) };
}

async function readOverrides({ priceFile }: PlaceOfPrices): Promise<PriceOverrides> {
  if (priceFile === undefined) return new Map();
  const overrides = parsePriceFile(await readJson("WFLO_PRICES", priceFile));
  return withoutProblems(overrides, `WFLO_PRICES: ${priceFile}`);
}

/** The refreshed one where there is one, else the bundled one. */
async function readCatalogue({ catalogueFile: { path, isDefault } }: PlaceOfPrices): Promise<Catalogue> {
  const isThere = await readFile(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
  );
  if (!isThere && isDefault) return BUNDLED;
  if (!isThere) throw new WrongSettings([`WFLO_PRICE_CATALOGUE: ${path} is not there; wflo prices refresh writes it`]);
  const catalogue = parseCatalogueFile(await readJson("WFLO_PRICE_CATALOGUE", path));
  return withoutProblems(catalogue, `WFLO_PRICE_CATALOGUE: ${path}`);
}

async function readJson(variable: string, file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new WrongSettings([`${variable}: ${file} cannot be read as JSON: ${(error as Error).message}`]);
  }
}

function withoutProblems<T extends object>(read: T | { readonly problems: readonly string[] }, where: string): T {
  if ("problems" in read) throw new WrongSettings(read.problems.map((problem) => `${where}: ${problem}`));
  return read;
}

/**
 * Takes a catalogue for the processes that start from now on; the one that is there stays where the new one is wrong.
 * @throws Error that names what is wrong
 */
export async function refreshCatalogue({ catalogueFile }: PlaceOfPrices, from: string, now: Date): Promise<Catalogue> {
  const checked = checkProviders(await readPublished(from));
  if ("problems" in checked) {
    const lines = checked.problems.map((problem) => `  providers${problem}`);
    throw new Error(`${from} is no catalogue of prices, and nothing was changed:\n${lines.join("\n")}`);
  }
  const file: CatalogueFile = { takenAt: now.toISOString(), from, providers: checked.providers };
  await writeWholeText(catalogueFile.path, JSON.stringify(file));
  return withoutProblems(parseCatalogueFile(file), catalogueFile.path);
}

import type { Command } from "commander";
import { usdPerMillion } from "../../adapters/models/price-words.js";
import { type Charges, priceAt, type TimedPrice } from "../../core/pricing.js";
import { readName } from "../arguments.js";
import { type CommandContext, inSession, type Session, withJson } from "../command.js";
import { table } from "../output.js";
import { grouped } from "../run-progress.js";

/** What one model costs, and by whose word. */
interface PriceRow {
  readonly model: string;
  /** Null: nobody's. */
  readonly from: string | null;
  /** In the words of WFLO_PRICES; null: none. */
  readonly price: object | null;
  /** Prices from a date on, or at hours of the day (UTC). */
  readonly otherTimes: readonly object[];
}

/** `wflo prices`: what models cost, and from where that is known. */
export function registerPrices(program: Command, context: CommandContext): void {
  const prices = withJson(program.command("prices"))
    .description("what models cost now, in US dollars for a million tokens, and from where that is known")
    .argument("[MODEL...]", "provider/model, or a provider (default: all that can be called, and your own)", readNames)
    .action(inSession(context, listPrices));
  withJson(prices.command("refresh"))
    .description("take a newer catalogue of prices, for the processes that start from now on")
    .option("--from <FILE>", "the catalogue, as a file or an address (default: where it is published)", readName)
    .action(inSession(context, refresh));
}

function readNames(name: string, before: readonly string[] = []): readonly string[] {
  return [...before, readName(name)];
}

async function listPrices({ config, output }: Session, names: readonly string[] = []): Promise<undefined> {
  const { readPriceSettings } = await import("../../workers/price-settings.js");
  const { createPriceList } = await import("../../adapters/models/price-list.js");
  const { priceDocument } = await import("../../adapters/models/price-words.js");
  const now = new Date();
  const list = createPriceList(await readPriceSettings(config));
  const named = names.flatMap((name) => (name.includes("/") ? [name] : list.models(name, now)));
  const found = (names.length === 0 ? list.models(undefined, now) : named).map((model) => ({
    model,
    ...list.find(model, now),
  }));
  const rows: PriceRow[] = found.map(({ model, from = null, price }) => ({
    model,
    from,
    price: price ? priceDocument(price) : null,
    otherTimes: (price?.times ?? []).map((time) => ({ ...whenOf(time), ...priceDocument(time) })),
  }));
  output.answer({ priceBook: list.book, at: now.toISOString(), models: rows }, () => {
    const lines = found.map(({ model, from, price }) => lineOf(model, from, price && priceAt(price, now.getTime())));
    return `${table(HEAD, lines)}\n\nUS dollars for a million tokens at ${now.toISOString()}; price book: ${list.book}`;
  });
}

const HEAD = ["MODEL", "INPUT", "OUTPUT", "CACHED", "WRITTEN", "MORE", "FROM"];

function lineOf(model: string, from: string | undefined, price: Charges | undefined): readonly (string | undefined)[] {
  if (!price) return [model, "no price", undefined, undefined, undefined, undefined, from];
  const { rates, tiers = [] } = price;
  const [input, output, cached, written] = [rates.input, rates.output, rates.cachedInput, rates.cacheWrite].map(
    (rate) => (rate === undefined ? undefined : usdPerMillion(rate)),
  );
  const more = tiers.map(
    ({ aboveInputTokens, rates: above }) =>
      `above ${grouped(aboveInputTokens)}: ${usdPerMillion(above.input)}, ${usdPerMillion(above.output)}`,
  );
  return [model, input, output, cached, written, more.join("; "), from];
}

/** When a price holds, for people: `fromMs` and `daily` of the captured price. */
function whenOf({ fromMs, daily }: TimedPrice): object {
  const hour = (ms: number) => new Date(ms).toISOString().slice(11, 16);
  return {
    ...(fromMs === undefined ? {} : { from: new Date(fromMs).toISOString() }),
    ...(daily ? { dailyUtc: `${hour(daily.fromMs)}–${hour(daily.toMs)}` } : {}),
  };
}

async function refresh({ config, output }: Session, { from }: { readonly from?: string }): Promise<undefined> {
  const { refreshCatalogue } = await import("../../workers/price-settings.js");
  const { PUBLISHED_CATALOGUE } = await import("../../adapters/models/catalogue-source.js");
  const source = from ?? PUBLISHED_CATALOGUE;
  const { name } = await refreshCatalogue(config, source, new Date());
  const { path } = config.catalogueFile;
  output.answer(
    { catalogue: name, from: source, file: path },
    () => `${name}, from ${source}, is in ${path}: processes use it from their next start on`,
  );
}

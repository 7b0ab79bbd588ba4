import { createHash } from "node:crypto";
import type { ModelInfo } from "@pydantic/genai-prices";
import { type Catalogue, cataloguePrice } from "./price-catalogue.js";

/** The document that `wflo prices refresh` writes. */
export interface CatalogueFile {
  /** When it was taken, ISO 8601. */
  readonly takenAt: string;
  /** The file or address that it was taken from. */
  readonly from: string;
  readonly providers: readonly CatalogueProvider[];
}

interface CatalogueProvider {
  readonly id: string;
  readonly models: readonly ModelInfo[];
}

/** Constraints that {@link cataloguePrice} understands. */
const CONSTRAINTS = ["start_date", "time_of_date"];

/** So many problems are told; a file of another kind has thousands. */
const PROBLEMS_TOLD = 10;

/** A refreshed catalogue, as models are looked up in it. Every wrong place is named by its path. */
export function parseCatalogueFile(value: unknown): Catalogue | { readonly problems: readonly string[] } {
  const file = (typeof value === "object" && value !== null ? value : {}) as Partial<CatalogueFile>;
  if (typeof file.takenAt !== "string" || Number.isNaN(Date.parse(file.takenAt))) {
    return { problems: ["takenAt: must be the time at which the catalogue was taken, such as 2026-11-25T00:00:00Z"] };
  }
  const checked = checkProviders(file.providers);
  if ("problems" in checked) return { problems: checked.problems.map((problem) => `providers${problem}`) };
  const day = new Date(file.takenAt).toISOString().slice(0, 10);
  const byId = new Map(checked.providers.map((provider) => [provider.id, provider.models]));
  const digest = createHash("sha256").update(JSON.stringify(file.providers)).digest("hex");
  return { name: `genai-prices@${day}`, day, digest, models: (provider) => byId.get(provider) };
}

/**
 * Checks what is published as a catalogue (a list of providers) before it takes the place of one that works.
 * @returns problems by path, such as `[3].models[0].prices.input_mtok: …`
 */
export function checkProviders(
  value: unknown,
): { readonly providers: readonly CatalogueProvider[] } | { readonly problems: readonly string[] } {
  if (!Array.isArray(value) || value.length === 0) return { problems: [": must be a list of providers, with models"] };
  const problems: string[] = [];
  for (const [index, provider] of value.entries()) checkProvider(provider, `[${index}]`, problems);
  if (problems.length > PROBLEMS_TOLD) {
    return { problems: [...problems.slice(0, PROBLEMS_TOLD), `: and ${problems.length - PROBLEMS_TOLD} more`] };
  }
  return problems.length > 0 ? { problems } : { providers: value as CatalogueProvider[] };
}

function checkProvider(value: unknown, path: string, problems: string[]): void {
  const { id, models } = fieldsOf(value);
  if (typeof id !== "string" || id === "") problems.push(`${path}.id: must be a provider's name`);
  if (!Array.isArray(models)) return void problems.push(`${path}.models: must be a list of models`);
  for (const [index, model] of models.entries()) checkModel(model, `${path}.models[${index}]`, problems);
}

function checkModel(value: unknown, path: string, problems: string[]): void {
  const { id, match, prices } = fieldsOf(value);
  const before = problems.length;
  if (typeof id !== "string" || id === "") problems.push(`${path}.id: must be a model's name`);
  if (typeof match !== "object" || match === null) problems.push(`${path}.match: must be an object`);
  const entries: unknown[] = Array.isArray(prices) ? prices : [{ prices }];
  for (const [index, entry] of entries.entries()) {
    checkEntry(entry, Array.isArray(prices) ? `${path}.prices[${index}]` : path, problems);
  }
  if (problems.length > before) return;
  try {
    // What looks right may still be none: a date that is no date, a price below nothing.
    cataloguePrice(`x/${id}`, new Date(0), { models: () => [value as ModelInfo] });
  } catch (error) {
    problems.push(`${path}.prices: ${(error as Error).message}`);
  }
}

function checkEntry(value: unknown, path: string, problems: string[]): void {
  const { prices, constraint } = fieldsOf(value);
  if (typeof prices !== "object" || prices === null || Array.isArray(prices)) {
    return void problems.push(`${path}.prices: must be an object of prices`);
  }
  for (const [kind, price] of Object.entries(prices)) {
    if (!isPrice(price)) problems.push(`${path}.prices.${kind}: must be US dollars, or a base with tiers`);
  }
  if (constraint !== undefined && constraint !== null) checkConstraint(constraint, `${path}.constraint`, problems);
}

function checkConstraint(value: unknown, path: string, problems: string[]): void {
  const { type, start_date, start_time, end_time } = fieldsOf(value);
  const kind = type ?? (start_date === undefined ? undefined : "start_date");
  if (!CONSTRAINTS.includes(kind as string)) {
    problems.push(`${path}.type: is ${JSON.stringify(kind)}; known are ${CONSTRAINTS.join(", ")}`);
  } else if (kind === "start_date" && !isTime(start_date)) {
    problems.push(`${path}.start_date: must be a day, such as 2026-11-25`);
  } else if (kind === "time_of_date" && ![start_time, end_time].every((time) => isTime(`1970-01-01T${time}`))) {
    problems.push(`${path}: must be from one time of the day to another, such as 16:30:00Z`);
  }
}

function isTime(text: unknown): boolean {
  return typeof text === "string" && !Number.isNaN(Date.parse(text));
}

function isPrice(value: unknown): boolean {
  if (typeof value === "number") return value >= 0 && value < 1_000_000_000;
  const { base, tiers } = fieldsOf(value);
  if (!Array.isArray(tiers) || !isPrice(base) || typeof base !== "number") return false;
  return tiers.every((tier) => {
    const { start, price } = fieldsOf(tier);
    return Number.isSafeInteger(start) && (start as number) >= 0 && typeof price === "number" && isPrice(price);
  });
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

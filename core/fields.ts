import { parseDuration } from "./duration.js";
import type { JsonObject } from "./json.js";
import { type NanoUsd, parseUsd } from "./money.js";
import type { BlobRef } from "./transcript.js";

/** Reads the fields of an object from outside, and collects what is wrong with each, by its path. Never throws. */
export interface Fields {
  readonly problems: string[];
  text(name: string, options?: { readonly required?: boolean; readonly most?: number; readonly pattern?: RegExp; readonly like?: string }): string | undefined;
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined;
  wholeNumber(name: string, range: { readonly from: number; readonly to: number }): number | undefined;
  usd(name: string): NanoUsd | undefined;
  durationMs(name: string): number | undefined;
  flag(name: string): boolean | undefined;
  texts(name: string): readonly string[] | undefined;
  object(name: string): JsonObject | undefined;
  /** Text, or `{"ref":"sha256:…"}`. */
  textOrRef(name: string, options?: { readonly required?: boolean; readonly mostBytes?: number }): string | BlobRef | undefined;
  /** The fields of an inner object. */
  inner(name: string): Fields | undefined;
  problem(name: string, what: string): void;
  readonly value: Readonly<Record<string, unknown>>;
}

const SHOWN = 80;

/** A value in a message: short, and never a whole document. */
export function shown(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, SHOWN)) : describe(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

/** The fields of `value` below `path`; a value that is no object is one problem. */
export function fieldsOf(value: unknown, path: string, problems: string[]): Fields | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    problems.push(`${path === "" ? "the payload" : path}: must be an object, not ${shown(value)}`);
    return undefined;
  }
  return readFields(value as Record<string, unknown>, path, problems);
}

function readFields(value: Readonly<Record<string, unknown>>, path: string, problems: string[]): Fields {
  const at = (name: string) => (path === "" ? name : `${path}.${name}`);
  const get = (name: string) => (Object.hasOwn(value, name) && value[name] !== null ? value[name] : undefined);
  const problem = (name: string, what: string) => void problems.push(`${at(name)}: ${what}`);
  const wrong = (name: string, accepted: string) => problem(name, `must be ${accepted}, not ${shown(get(name))}`);
  const fields: Fields = {
    problems,
    value,
    problem,
    text(name, options = {}) {
      const text = get(name);
      if (text === undefined) return options.required ? void problem(name, "is missing") : undefined;
      const most = options.most ?? 1_000;
      if (typeof text !== "string" || text.trim() === "") return void wrong(name, "a text that is not empty");
      if (text.length > most) return void problem(name, `is longer than ${most} characters`);
      if (options.pattern && !options.pattern.test(text)) return void wrong(name, options.like ?? `like ${options.pattern.source}`);
      return text;
    },
    choice(name, choices) {
      const text = get(name);
      if (text === undefined) return undefined;
      if (typeof text !== "string" || !(choices as readonly string[]).includes(text)) return void wrong(name, `one of ${choices.join(", ")}`);
      return text as (typeof choices)[number];
    },
    wholeNumber(name, { from, to }) {
      const number = get(name);
      if (number === undefined) return undefined;
      const fits = typeof number === "number" && Number.isInteger(number) && number >= from && number <= to;
      return fits ? number : void wrong(name, `a whole number from ${from} to ${to}`);
    },
    usd(name) {
      const amount = get(name);
      if (amount === undefined) return undefined;
      const parsed = parseUsd(amount);
      return typeof parsed === "number" ? parsed : void problem(name, parsed.problem);
    },
    durationMs(name) {
      const duration = get(name);
      if (duration === undefined) return undefined;
      const parsed = parseDuration(duration);
      return typeof parsed === "number" ? parsed : void problem(name, parsed.problem);
    },
    flag(name) {
      const flag = get(name);
      if (flag === undefined || typeof flag === "boolean") return flag;
      return void wrong(name, "true or false");
    },
    texts(name) {
      const list = get(name);
      if (list === undefined) return undefined;
      const fits = Array.isArray(list) && list.length <= 1_000 && list.every((one) => typeof one === "string" && one !== "" && one.length <= 500);
      return fits ? [...new Set(list as string[])] : void wrong(name, "a list of texts that are not empty");
    },
    object(name) {
      const object = get(name);
      if (object === undefined) return undefined;
      if (typeof object !== "object" || Array.isArray(object)) return void wrong(name, "an object");
      return object as JsonObject;
    },
    textOrRef(name, options = {}) {
      const text = get(name);
      if (text === undefined) return options.required ? void problem(name, "is missing") : undefined;
      const checked = textOrRefOf(text, options.mostBytes);
      return "problem" in Object(checked) ? void problem(name, (checked as { problem: string }).problem) : (checked as string | BlobRef);
    },
    inner(name) {
      const object = get(name);
      return object === undefined ? undefined : fieldsOf(object, at(name), problems);
    },
  };
  return fields;
}

/** Reads text or `{"ref":"sha256:…"}`. */
export function textOrRefOf(value: unknown, mostBytes?: number): string | BlobRef | { readonly problem: string } {
  if (typeof value === "string") {
    const most = mostBytes ?? Number.MAX_SAFE_INTEGER;
    // A character is at least one byte and at most four, so most texts need no count.
    if (value.length > most) return { problem: `is larger than ${most / 1_024} KiB; put it into the blob store and send {"ref":"sha256:…"}` };
    return value;
  }
  const ref = typeof value === "object" && value !== null ? (value as Record<string, unknown>)["ref"] : undefined;
  if (typeof ref === "string" && /^sha256:[0-9a-f]{64}$/.test(ref)) return { ref: ref as BlobRef["ref"] };
  return { problem: `must be a text or {"ref":"sha256:…"}, not ${shown(value)}` };
}

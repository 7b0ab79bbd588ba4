import { utf8Bytes } from "./digest.js";
import { parseDuration } from "./duration.js";
import type { JsonObject } from "./json.js";
import { jsonProblem } from "./json-check.js";
import { type NanoUsd, parseUsd } from "./money.js";
import type { BlobAddress, BlobRef } from "./transcript.js";
import { Unreadable } from "./unreadable.js";

interface TextRule {
  readonly required?: boolean;
  /** Longest text, in UTF-16 units. @default 1_000 */
  readonly most?: number;
  readonly pattern?: RegExp;
  /** What a text of this pattern is, for people. */
  readonly like?: string;
}

/**
 * Reads the fields of an object from outside, and collects what is wrong with each, by its path: what is wrong and what
 * is accepted. `null` counts as not given. Never throws, whatever the value.
 */
export interface Fields {
  readonly problems: string[];
  readonly value: Readonly<Record<string, unknown>>;
  /** False for a field that is absent or null. */
  given(name: string): boolean;
  /** Names the field as missing where it is not given. */
  require(name: string, accepted?: string): void;
  problem(name: string, what: string): void;
  text(name: string, rule?: TextRule): string | undefined;
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined;
  wholeNumber(name: string, range: { readonly from: number; readonly to: number }): number | undefined;
  usd(name: string): NanoUsd | undefined;
  durationMs(name: string): number | undefined;
  flag(name: string): boolean | undefined;
  /** A list of texts, each once, each as its rule says. */
  texts(name: string, rule?: Omit<TextRule, "required">): readonly string[] | undefined;
  /** A JSON object of at most so many bytes. */
  object(name: string, options?: { readonly mostBytes?: number }): JsonObject | undefined;
  /** Text that is not empty, or `{"ref":"sha256:…"}`. */
  textOrRef(
    name: string,
    options?: { readonly required?: boolean; readonly mostBytes?: number },
  ): string | BlobRef | undefined;
  /** The fields of an inner object. */
  inner(name: string): Fields | undefined;
  /** Name and value of each entry of an inner object; at most `most`. */
  entries(name: string, most: number): readonly (readonly [name: string, value: unknown])[];
}

/** A list longer than this is a mistake. */
const LONGEST_LIST = 1_000;
const SHOWN = 80;
const NO_TEXT = "a text that is not empty";

/** A value in a message: short, and never a whole document. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "function") return "a function";
  return String(value);
}

/** The fields of `value` below `path`; a value that is no object is one problem. */
export function fieldsOf(value: unknown, path: string, problems: string[]): Fields | undefined {
  if (value instanceof Unreadable) {
    problems.push(`${path === "" ? "the payload" : path}: can't be read: ${value.problem}`);
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    problems.push(`${path === "" ? "the payload" : path}: must be an object, not ${shown(value)}`);
    return undefined;
  }
  const reader = readerOf(value as Record<string, unknown>, path, problems);
  return { ...reader, ...readTexts(reader), ...readFigures(reader), ...readParts(reader) };
}

type Reader = Pick<Fields, "problems" | "value" | "given" | "require" | "problem"> & {
  readonly at: (name: string) => string;
  readonly get: (name: string) => unknown;
  /** Names a wrong value, and what is accepted. */
  readonly wrong: (name: string, accepted: string) => undefined;
};

function readerOf(value: Readonly<Record<string, unknown>>, path: string, problems: string[]): Reader {
  const at = (name: string) => (path === "" ? name : `${path}.${name}`);
  const get = (name: string) => (Object.hasOwn(value, name) && value[name] !== null ? value[name] : undefined);
  const problem = (name: string, what: string) => void problems.push(`${at(name)}: ${what}`);
  const given = (name: string) => get(name) !== undefined;
  return {
    problems,
    value,
    at,
    get,
    given,
    problem,
    require: (name, accepted) => {
      if (!given(name)) problem(name, `is missing${accepted === undefined ? "" : `; it must be ${accepted}`}`);
    },
    wrong: (name, accepted) => void problem(name, `must be ${accepted}, not ${shown(get(name))}`),
  };
}

function readTexts({ get, problem, wrong, require }: Reader): Pick<Fields, "text" | "texts" | "choice"> {
  return {
    text(name, rule = {}) {
      const text = get(name);
      if (text === undefined) return rule.required ? void require(name, rule.like ?? NO_TEXT) : undefined;
      const wish = wishFor(text, rule);
      return wish === undefined ? (text as string) : wrong(name, wish);
    },
    texts(name, rule = {}) {
      const list = get(name);
      if (list === undefined) return undefined;
      if (!Array.isArray(list)) return wrong(name, "a list of texts");
      if (list.length > LONGEST_LIST) return void problem(name, `must be a list of at most ${LONGEST_LIST}`);
      for (const [index, text] of list.entries()) {
        const wish = wishFor(text, rule);
        if (wish !== undefined) problem(`${name}[${index}]`, `must be ${wish}, not ${shown(text)}`);
      }
      return [...new Set(list.filter((text) => wishFor(text, rule) === undefined) as string[])];
    },
    choice(name, choices) {
      const word = get(name);
      if (word === undefined || choices.includes(word as never)) return word as (typeof choices)[number] | undefined;
      return wrong(name, `one of ${choices.join(", ")}`);
    },
  };
}

/** What a text should have been; undefined where it is. */
function wishFor(text: unknown, { most = 1_000, pattern, like }: TextRule): string | undefined {
  if (typeof text !== "string" || text.trim() === "") return like ?? NO_TEXT;
  if (text.length > most) return `at most ${most} characters`;
  return pattern && !pattern.test(text) ? (like ?? `like ${pattern.source}`) : undefined;
}

function readFigures({ get, problem, wrong }: Reader): Pick<Fields, "wholeNumber" | "usd" | "durationMs" | "flag"> {
  return {
    wholeNumber(name, { from, to }) {
      const number = get(name);
      if (number === undefined) return undefined;
      const fits = typeof number === "number" && Number.isInteger(number) && number >= from && number <= to;
      return fits ? number : wrong(name, `a whole number from ${from} to ${to}`);
    },
    usd(name) {
      const amount = get(name);
      if (amount === undefined) return undefined;
      const readable = typeof amount === "string" ? amount.length <= SHOWN : Number.isFinite(amount);
      if (!readable) return wrong(name, 'US dollars as a decimal text or a number, such as "0.50"');
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
      return flag === undefined || typeof flag === "boolean" ? flag : wrong(name, "true or false");
    },
  };
}

function readParts({
  get,
  at,
  problem,
  problems,
  wrong,
  require,
}: Reader): Pick<Fields, "object" | "textOrRef" | "inner" | "entries"> {
  return {
    object(name, { mostBytes } = {}) {
      const object = get(name);
      if (object === undefined) return undefined;
      if (typeof object !== "object" || Array.isArray(object)) return wrong(name, "an object");
      const what = jsonProblem(object) ?? sizeProblem(object, mostBytes);
      return what === undefined ? (object as JsonObject) : void problem(name, what);
    },
    textOrRef(name, options = {}) {
      const text = get(name);
      const accepted = 'a text or {"ref":"sha256:…"}';
      if (text === undefined) return options.required ? void require(name, accepted) : undefined;
      if (typeof text === "string" && text.trim() === "") return void problem(name, "must not be empty");
      const read = textOrRefOf(text, options.mostBytes);
      return isProblem(read) ? void problem(name, read.problem) : read;
    },
    inner(name) {
      const object = get(name);
      return object === undefined ? undefined : fieldsOf(object, at(name), problems);
    },
    entries(name, most) {
      const object = get(name);
      if (object === undefined) return [];
      if (typeof object !== "object" || Array.isArray(object)) return wrong(name, "an object") ?? [];
      const entries = Object.entries(object as object);
      if (entries.length > most) problem(name, `has ${entries.length} entries; at most ${most} are accepted`);
      if (Object.hasOwn(object as object, "__proto__")) problem(`${name}.__proto__`, "is a name that is not accepted");
      return entries.length > most ? [] : entries.filter(([key]) => key !== "__proto__");
    },
  };
}

function sizeProblem(value: unknown, mostBytes: number | undefined): string | undefined {
  if (mostBytes === undefined || utf8Bytes(JSON.stringify(value)) <= mostBytes) return undefined;
  return `is larger than ${mostBytes / 1_024} KiB; ${AS_REF}`;
}

const AS_REF = 'put it into the blob store and send {"ref":"sha256:…"}';

/** Reads text of at most `mostBytes` as UTF-8, or `{"ref":"sha256:…"}`. */
export function textOrRefOf(value: unknown, mostBytes?: number): string | BlobRef | { readonly problem: string } {
  if (typeof value === "string") {
    const fits = mostBytes === undefined || (value.length <= mostBytes && utf8Bytes(value) <= mostBytes);
    return fits ? value : { problem: `is larger than ${mostBytes / 1_024} KiB; ${AS_REF}` };
  }
  const ref = refOf(value);
  if (ref !== undefined) return { ref };
  return { problem: `must be a text or {"ref":"sha256:…"} with 64 hexadecimal digits, not ${shown(value)}` };
}

/** The address of a value that is `{"ref":"sha256:…"}`. */
export function refOf(value: unknown): BlobAddress | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, "ref")) return undefined;
  const { ref } = value as { ref?: unknown };
  return typeof ref === "string" && /^sha256:[0-9a-f]{64}$/.test(ref) ? (ref as BlobAddress) : undefined;
}

export function isProblem(read: unknown): read is { readonly problem: string } {
  return typeof read === "object" && read !== null && "problem" in read;
}

import { userInfo } from "node:os";
import { InvalidArgumentError } from "commander";
import type { RunSummary } from "../client/index.js";
import { RUN_STATES } from "../client/run-states.js";
import { parseDuration } from "../core/duration.js";
import { checkRunInput } from "../core/input.js";
import type { Json } from "../core/json.js";
import { jsonProblem } from "../core/json-check.js";
import { parseUsd } from "../core/money.js";

/*
 * Readers of arguments and options: what commander calls with a text. A wrong text throws InvalidArgumentError, to which
 * commander adds the name of the argument.
 */

/** US dollars; stays a text, as the contract takes it. */
export function readUsd(text: string): string {
  const amount = parseUsd(text);
  if (typeof amount === "number") return text.trim();
  throw new InvalidArgumentError(sentence(amount.problem));
}

/** A text that must say something, such as an id. */
export function readName(text: string): string {
  if (text.trim() !== "" && !/\p{Cc}/u.test(text)) return text;
  throw new InvalidArgumentError("It must be a text without control characters, and not empty.");
}

/** A field of `agentRun`'s input, by the input's own rules. */
export function readInputField(field: "agent" | "input" | "model" | "account"): (text: string) => string {
  return (text) => {
    const checked = checkRunInput({ agent: "agent", input: "input", [field]: text });
    if (!("problems" in checked)) return text;
    throw new InvalidArgumentError(sentence(checked.problems.join("; ").replace(`${field}: `, "It ")));
  };
}

/** A JSON object: arguments of a tool. */
export function readJsonObject(text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(sentence(`It is not JSON: ${(error as Error).message}`));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError('It must be a JSON object such as {"to":"staging"}.');
  }
  const problem = jsonProblem(value);
  if (problem !== undefined) throw new InvalidArgumentError(sentence(`It ${problem}`));
  return value as Json;
}

/** A whole number from 1. */
export function readCount(text: string): number {
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (count >= 1) return count;
  throw new InvalidArgumentError("It must be a whole number from 1 to 9999999.");
}

export function readState(text: string): RunSummary["status"] {
  const state = RUN_STATES.find((one) => one === text);
  if (state !== undefined) return state;
  throw new InvalidArgumentError(`It must be one of ${RUN_STATES.join(", ")}.`);
}

export function readDigest(text: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be the gate's digest: sha256: and 64 hexadecimal digits.");
}

/** A time: how long ago (`7 days`), a date, or an ISO time. */
export function readSince(text: string): Date {
  const ago = parseDuration(text);
  if (typeof ago === "number") return new Date(Date.now() - ago);
  const time = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (!Number.isNaN(time)) return new Date(time);
  throw new InvalidArgumentError('It must be how long ago, such as "24h" or "7 days", or a time such as 2026-08-22.');
}

/** A file for the run: `PATH-IN-THE-WORKSPACE=FILE`; given again it adds one. */
export function readFilePair(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, name = "", path = ""] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (name === "" || path === "") throw new InvalidArgumentError("It must be NAME=FILE, such as data.csv=./sales.csv.");
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`There are two files for ${name}.`);
  const checked = checkRunInput({ agent: "agent", input: "input", files: { [name]: "" } });
  if ("problems" in checked) throw new InvalidArgumentError(sentence(checked.problems.join("; ")));
  return { ...before, [name]: path };
}

/** Who the person at the keyboard is. */
export function whoAmI({ USER, LOGNAME, USERNAME }: NodeJS.ProcessEnv): string {
  const name = USER || LOGNAME || USERNAME;
  if (name) return name;
  try {
    return userInfo().username;
  } catch {
    return "unknown";
  }
}

function sentence(words: string): string {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return text.endsWith(".") ? text : `${text}.`;
}

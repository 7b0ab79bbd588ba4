import { parseDuration } from "./duration.js";

/** Hard limits of one execution. */
export interface SandboxLimits {
  /** Wall time. @default 60_000 */
  readonly wallMs: number;
  /** CPU time of all processes together. @default equal to wallMs */
  readonly cpuMs: number;
  /** @default 512 MiB */
  readonly memoryBytes: number;
  /** @default 128 */
  readonly processes: number;
  /** stdout and stderr together. @default 1 MiB */
  readonly outputBytes: number;
  /** The workspace in all. @default 64 MiB */
  readonly diskBytes: number;
  /** Files and folders in the workspace. @default 1_000 */
  readonly files: number;
}

export const DEFAULT_SANDBOX_LIMITS: SandboxLimits = {
  wallMs: 60_000,
  cpuMs: 60_000,
  memoryBytes: 512 * 1024 * 1024,
  processes: 128,
  outputBytes: 1024 * 1024,
  diskBytes: 64 * 1024 * 1024,
  files: 1_000,
};

type LimitName = keyof SandboxLimits;

export const LIMIT_NAMES = Object.keys(DEFAULT_SANDBOX_LIMITS) as readonly LimitName[];

/** What each limit may be. */
const RANGES: Readonly<Record<LimitName, readonly [least: number, most: number]>> = {
  wallMs: [1, 24 * 3_600_000],
  cpuMs: [1, 1_000 * 3_600_000],
  memoryBytes: [16 * 1024 * 1024, 2 ** 40],
  processes: [1, 32_768],
  outputBytes: [0, 256 * 1024 * 1024],
  diskBytes: [4_096, 2 ** 31],
  files: [1, 1_000_000],
};

/** What is wrong with limits, naming each; a limit that is not given is not looked at. */
export function limitProblems(limits: Partial<SandboxLimits>): readonly string[] {
  return Object.entries(limits).flatMap(([name, value]) => {
    const range = Object.hasOwn(RANGES, name) ? RANGES[name as LimitName] : undefined;
    if (!range) return [`${name} is no limit; there are ${LIMIT_NAMES.join(", ")}`];
    const [least, most] = range;
    if (Number.isInteger(value) && value >= least && value <= most) return [];
    return [`${name} must be a whole number from ${least} to ${most}, and is ${String(value)}`];
  });
}

/** Names in a text, what each is, and how its amount is written. */
const WORDS: Readonly<Record<string, readonly [LimitName, "duration" | "bytes" | "count"]>> = {
  wall: ["wallMs", "duration"],
  cpu: ["cpuMs", "duration"],
  memory: ["memoryBytes", "bytes"],
  processes: ["processes", "count"],
  output: ["outputBytes", "bytes"],
  disk: ["diskBytes", "bytes"],
  files: ["files", "count"],
};

const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 };

/** Reads `wall=5m,memory=2GiB,files=10000`: the limits that are named. */
export function parseLimits(text: string): Partial<SandboxLimits> | { readonly problem: string } {
  const limits: Partial<Record<LimitName, number>> = {};
  for (const part of text.split(",")) {
    const [, word = "", amount = ""] = /^\s*([a-z]+)\s*=\s*(\S+)\s*$/.exec(part) ?? [];
    const [name, kind] = (Object.hasOwn(WORDS, word) ? WORDS[word] : undefined) ?? [];
    if (!name || !kind)
      return {
        problem: `${JSON.stringify(part.trim())} is no limit: write ${Object.keys(WORDS).join(", ")}, such as memory=2GiB`,
      };
    if (limits[name] !== undefined) return { problem: `${word} stands there twice` };
    const value = amountOf(amount, kind);
    if (typeof value !== "number") return { problem: `${word}: ${value.problem}` };
    limits[name] = value;
  }
  const [problem] = limitProblems(limits);
  return problem === undefined ? limits : { problem };
}

function amountOf(text: string, kind: "duration" | "bytes" | "count"): number | { readonly problem: string } {
  if (kind === "duration") return parseDuration(text);
  const [, digits = "", unit = ""] = /^(\d{1,15})([a-z]*)$/i.exec(text) ?? [];
  const factor = Object.hasOwn(UNITS, unit.toLowerCase()) ? UNITS[unit.toLowerCase()] : undefined;
  const isRight = digits !== "" && factor !== undefined && (kind === "bytes" || unit === "");
  if (!isRight)
    return {
      problem: `${JSON.stringify(text)} is no ${kind === "bytes" ? 'amount such as "512MiB"' : "whole number"}`,
    };
  return Number(digits) * factor;
}

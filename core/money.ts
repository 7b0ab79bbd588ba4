import { invariant } from "./invariant.js";

/** Integer nano-dollars ($1e-9), never negative; exact up to $9,007,199. */
export type NanoUsd = number & { readonly unit: "nanoUsd" };

/** The most that an amount may be: every sum of a run stays exactly representable. */
export const MAX_NANO_USD = Number.MAX_SAFE_INTEGER as NanoUsd;

const NANO_DIGITS = 9;

/** Characters of an amount as text; the smallest number that JavaScript has needs 343. */
const LONGEST_AMOUNT = 400;
/** A wrong amount is repeated up to here. */
const CHARACTERS_TOLD = 80;

export const ZERO_USD = 0 as NanoUsd;

/** Brands a whole, non-negative number of nano-dollars. @throws Violation for anything else. */
export function toNanoUsd(amount: number): NanoUsd {
  // Asked for every sum: the words are made only where they are needed.
  const isAmount = Number.isSafeInteger(amount) && amount >= 0;
  if (!isAmount) invariant(isAmount, `${amount} is a whole, non-negative number of nano-dollars`);
  return amount as NanoUsd;
}

export function addUsd(...amounts: readonly NanoUsd[]): NanoUsd {
  return toNanoUsd(amounts.reduce<number>((sum, amount) => sum + amount, 0));
}

/** A sum that stops at the most that an amount can be: for figures that are only told, never for a balance. */
export function addUsdToMost(...amounts: readonly NanoUsd[]): NanoUsd {
  // A sum above 2^53 is not exact, and the most all the same.
  const sum = amounts.reduce<number>((total, amount) => total + amount, 0);
  return sum > MAX_NANO_USD ? MAX_NANO_USD : toNanoUsd(sum);
}

/** An exact amount of nano-dollars, or the most that an amount can be where it is more. @throws Violation below zero */
export function usdToMost(exact: bigint): NanoUsd {
  return exact > BigInt(MAX_NANO_USD) ? MAX_NANO_USD : toNanoUsd(Number(exact));
}

/** `from - amount`. @throws Violation when that is below zero. */
export function subtractUsd(from: NanoUsd, amount: NanoUsd): NanoUsd {
  return toNanoUsd(from - amount);
}

/** `from - amount`, or zero when that is below zero. */
export function subtractUsdToZero(from: NanoUsd, amount: NanoUsd): NanoUsd {
  return toNanoUsd(Math.max(0, from - amount));
}

/**
 * Reads US dollars as they come from outside: a decimal string ("0.50", "1e-3" is refused) or a finite number.
 * Exact: more than nine decimals, a sign, or more than $9,007,199 give a text that says what is wrong.
 */
export function parseUsd(value: unknown): NanoUsd | { readonly problem: string } {
  const text = typeof value === "number" ? plainDecimal(value) : value;
  if (typeof text !== "string")
    return { problem: 'must be US dollars as a decimal string or a number, such as "0.50"' };
  const told = typeof value === "number" ? value : JSON.stringify(text.slice(0, CHARACTERS_TOLD));
  const match = text.length <= LONGEST_AMOUNT && /^(\d{1,16})(?:\.(\d+))?$/.exec(text.trim());
  if (!match) return { problem: `${told} is not an amount of US dollars; write it like "0.50"` };
  const decimals = (match[2] ?? "").replace(/0+$/, "");
  if (decimals.length > NANO_DIGITS)
    return { problem: `${told} has more than nine decimals; the smallest unit is $0.000000001` };
  const nano = BigInt((match[1] ?? "") + decimals.padEnd(NANO_DIGITS, "0"));
  if (nano > BigInt(MAX_NANO_USD))
    return { problem: `${told} is more than $9,007,199, the most that an amount can be` };
  return toNanoUsd(Number(nano));
}

/** A number as a plain decimal; an exponent only where JavaScript prints one for a small number, expanded here. */
function plainDecimal(value: number): string | undefined {
  if (!Number.isFinite(value)) return String(value);
  const text = String(value);
  const match = /^(\d)(?:\.(\d+))?e-(\d+)$/.exec(text);
  if (!match) return text;
  return `0.${"0".repeat(Number(match[3]) - 1)}${match[1]}${match[2] ?? ""}`;
}

/** `"0.001234"`: at least two decimals, at most nine, exact. */
export function formatUsd(amount: NanoUsd): string {
  const digits = String(amount).padStart(NANO_DIGITS + 1, "0");
  const whole = digits.slice(0, -NANO_DIGITS);
  const decimals = digits.slice(-NANO_DIGITS).replace(/0+$/, "").padEnd(2, "0");
  return `${whole}.${decimals}`;
}

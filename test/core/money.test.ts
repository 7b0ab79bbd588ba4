import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  addUsd,
  addUsdToMost,
  formatUsd,
  MAX_NANO_USD,
  parseUsd,
  subtractUsd,
  subtractUsdToZero,
  toNanoUsd,
  usdToMost,
} from "../../core/money.js";

test.each<[string | number, number]>([
  ["0", 0],
  ["0.50", 500_000_000],
  [" 0.50 ", 500_000_000],
  ["1", 1_000_000_000],
  ["007", 7_000_000_000],
  ["0.000000001", 1],
  ["0.0000000010000", 1],
  ["9007199.254740991", MAX_NANO_USD],
  [0.5, 500_000_000],
  [0.1, 100_000_000],
  [-0, 0],
  [1e-9, 1],
  [1.5e-7, 150],
])("%j dollars are %d nano-dollars", (usd, nanoUsd) => {
  expect(parseUsd(usd)).toBe(nanoUsd);
});

test.each<[unknown, RegExp]>([
  ["", /"" is not an amount of US dollars; write it like "0.50"/],
  ["abc", /"abc" is not an amount/],
  ["-1", /"-1" is not an amount/],
  ["+1", /is not an amount/],
  ["1e-3", /"1e-3" is not an amount/],
  ["0x10", /is not an amount/],
  ["1,50", /is not an amount/],
  [".5", /is not an amount/],
  ["5.", /is not an amount/],
  ["١", /is not an amount/],
  [`0.${"0".repeat(1_000)}1`, /"0\.0{78}" is not an amount/],
  [-1, /-1 is not an amount/],
  [1e21, /1e\+21 is not an amount/],
  [Number.NaN, /NaN is not an amount/],
  [Number.POSITIVE_INFINITY, /Infinity is not an amount/],
  ["0.0000000001", /has more than nine decimals; the smallest unit is \$0.000000001/],
  [0.1 + 0.2, /0.30000000000000004 has more than nine decimals/],
  [5e-324, /5e-324 has more than nine decimals/],
  ["9007199.254740992", /is more than \$9,007,199, the most that an amount can be/],
  ["9999999999999999", /is more than \$9,007,199/],
  [undefined, /must be US dollars as a decimal string or a number/],
  [null, /must be US dollars/],
  [{ usd: 1 }, /must be US dollars/],
  [["1"], /must be US dollars/],
  [10n, /must be US dollars/],
])("%p is no amount, and says why", (value, problem) => {
  expect(parseUsd(value)).toEqual({ problem: expect.stringMatching(problem) });
});

test.each([
  [0, "0.00"],
  [1, "0.000000001"],
  [500_000_000, "0.50"],
  [1_234_000, "0.001234"],
  [1_000_000_000, "1.00"],
  [MAX_NANO_USD, "9007199.254740991"],
])("%d nano-dollars are written as $%s", (nanoUsd, text) => {
  expect(formatUsd(toNanoUsd(nanoUsd))).toBe(text);
});

const amount = fc.integer({ min: 0, max: MAX_NANO_USD }).map(toNanoUsd);

test("every amount that is written is read back to the nano-dollar", () => {
  fc.assert(fc.property(amount, (nanoUsd) => expect(parseUsd(formatUsd(nanoUsd))).toBe(nanoUsd)));
});

test("reading never throws, and gives an amount or a problem", () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.double(), fc.string()), (value) => {
      const read = parseUsd(value);
      if (typeof read === "number") expect(toNanoUsd(read)).toBe(read);
      else expect(read.problem.length).toBeLessThan(600);
    }),
  );
});

test("sums and differences are exact, or a bug is stopped by name", () => {
  fc.assert(
    fc.property(amount, amount, (a, b) => {
      const sum = BigInt(a) + BigInt(b);
      if (sum <= BigInt(MAX_NANO_USD)) expect(BigInt(addUsd(a, b))).toBe(sum);
      else expect(() => addUsd(a, b)).toThrow(/whole, non-negative number of nano-dollars/);
      if (a >= b) expect(subtractUsd(a, b)).toBe(a - b);
      else expect(() => subtractUsd(a, b)).toThrow(/must hold: -\d+ is a whole/);
      expect(subtractUsdToZero(a, b)).toBe(a > b ? a - b : 0);
    }),
  );
});

test("figures that are only told stop at the largest amount", () => {
  const [one, five] = [toNanoUsd(1), toNanoUsd(5)];
  expect(addUsdToMost(MAX_NANO_USD, one)).toBe(MAX_NANO_USD);
  expect(addUsdToMost(one, five)).toBe(6);
  expect(addUsdToMost()).toBe(0);
  expect(usdToMost(10n ** 40n)).toBe(MAX_NANO_USD);
  expect(usdToMost(BigInt(MAX_NANO_USD))).toBe(MAX_NANO_USD);
  expect(() => usdToMost(-1n)).toThrow(/must hold: -1/);
});

test.each([-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])("%d is no amount of nano-dollars", (number) => {
  expect(() => toNanoUsd(number)).toThrow(`must hold: ${number} is a whole, non-negative number of nano-dollars`);
});

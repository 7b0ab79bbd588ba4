import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { epochMs, isoTime } from "../../core/instant.js";
import { Violation } from "../../core/invariant.js";

const anyTime = fc.integer({ min: Date.parse("0001-01-01T00:00:00Z"), max: Date.parse("9999-12-31T23:59:59.999Z") });

test("times are read and written as Date does it, for every day of ten thousand years", () => {
  fc.assert(
    fc.property(anyTime, (ms) => {
      expect(isoTime(ms)).toBe(new Date(ms).toISOString());
      expect(epochMs(isoTime(ms))).toBe(ms);
    }),
    { numRuns: 5_000 },
  );
});

test.each([
  ["2024-02-29T23:59:59.999Z"],
  ["2000-02-29T00:00:00.000Z"],
  ["2100-02-28T00:00:00.000Z"],
  ["1970-01-01T00:00:00.000Z"],
  ["2026-12-31T23:59:59.999Z"],
])("%s is read and written as it is", (iso) => {
  expect(epochMs(iso)).toBe(Date.parse(iso));
  expect(isoTime(Date.parse(iso))).toBe(iso);
});

test("fractions of a second may be short or left out", () => {
  expect(epochMs("2026-08-22T10:00:00Z")).toBe(Date.parse("2026-08-22T10:00:00Z"));
  expect(epochMs("2026-08-22T10:00:00.5Z")).toBe(Date.parse("2026-08-22T10:00:00.5Z"));
});

test("a text that is no time is our bug", () => {
  expect(() => epochMs("tomorrow")).toThrow(Violation);
  expect(() => isoTime(Number.NaN)).toThrow(Violation);
});

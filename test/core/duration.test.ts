import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { formatDuration, LONGEST_DURATION_MS, parseDuration } from "../../core/duration.js";

test.each([
  ["500ms", 500],
  ["1ms", 1],
  ["30s", 30_000],
  ["30 s", 30_000],
  [" 30S ", 30_000],
  ["15m", 900_000],
  ["15 min", 900_000],
  ["2h", 7_200_000],
  ["1.5h", 5_400_000],
  ["0.5 seconds", 500],
  ["24h", 86_400_000],
  ["7 days", 604_800_000],
  ["1 day", 86_400_000],
  ["2 weeks", 1_209_600_000],
  ["3650d", LONGEST_DURATION_MS],
])("%j is %d milliseconds", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each([
  ["", /"" is not a duration; write it like "30s"/],
  ["soon", /"soon" is not a duration/],
  ["30", /"30" has no unit/],
  [30, /30 has no unit/],
  [Number.NaN, /NaN has no unit/],
  ["5 minutess", /"5 minutess" has a unit that is not known; known are ms, s, m, h, d and w/],
  ["5 constructor", /has a unit that is not known/],
  ["5 __proto__", /is not a duration/],
  ["-5s", /"-5s" is not a duration/],
  ["1e3s", /"1e3s" is not a duration/],
  ["1,5h", /is not a duration/],
  ["0s", /"0s" is too short/],
  ["0.0001ms", /is too short/],
  ["3651d", /"3651d" is too long; the longest is 3650 days/],
  ["999999999999999w", /is too long/],
  ["2h 30m", /"2h 30m" is not a duration/],
  ["9".repeat(10_000_000), /is not a duration/],
  [null, /must be a duration as text/],
  [undefined, /must be a duration as text/],
  [10n, /must be a duration as text/],
  [["30s"], /must be a duration as text/],
  [{ seconds: 30 }, /must be a duration as text/],
])("a wrong duration is refused with what is accepted (case %#)", (value, problem) => {
  const parsed = parseDuration(value) as { problem: string };
  expect(parsed.problem).toMatch(problem);
  expect(parsed.problem.length).toBeLessThan(200);
});

test("reading a duration never throws and gives whole milliseconds or a problem", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.anything()), (value) => {
      const parsed = parseDuration(value);
      if (typeof parsed !== "number") return parsed.problem.length > 0;
      return Number.isInteger(parsed) && parsed >= 1 && parsed <= LONGEST_DURATION_MS;
    }),
  );
});

test.each([
  [0, "0ms"],
  [450, "450ms"],
  [1_500, "1.5s"],
  [59_999, "59.9s"],
  [60_000, "1m"],
  [125_000, "2m 5s"],
  [12_000_000, "3h 20m"],
  [187_200_000, "2d 4h"],
  [90_000_000, "1d 1h"],
  [86_400_000, "1d"],
  [-1_500, "-1.5s"],
  [Number.NaN, "?"],
])("%d milliseconds are shown as %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

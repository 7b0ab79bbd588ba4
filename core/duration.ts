const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ...["ms", "msec", "millisecond", "milliseconds"].map((name) => [name, 1] as const),
  ...["s", "sec", "secs", "second", "seconds"].map((name) => [name, 1_000] as const),
  ...["m", "min", "mins", "minute", "minutes"].map((name) => [name, 60_000] as const),
  ...["h", "hr", "hrs", "hour", "hours"].map((name) => [name, 3_600_000] as const),
  ...["d", "day", "days"].map((name) => [name, 86_400_000] as const),
  ...["w", "week", "weeks"].map((name) => [name, 604_800_000] as const),
]);

/** Ten years: longer is a mistake. In milliseconds. */
export const LONGEST_DURATION_MS = 3_650 * 86_400_000;

/** No duration that people write is longer than this. */
const LONGEST_TEXT = 40;

const ACCEPTED = 'write it like "30s", "15m", "2h" or "7 days"';

/**
 * Reads `500ms`, `30s`, `15m`, `1.5h`, `7 days` into whole milliseconds, at least 1 and at most ten years. A number alone
 * has no unit and is refused.
 */
export function parseDuration(value: unknown): number | { readonly problem: string } {
  if (typeof value === "number") return { problem: `${value} has no unit; ${ACCEPTED}` };
  if (typeof value !== "string") return { problem: `must be a duration as text; ${ACCEPTED}` };
  const shown = JSON.stringify(value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}…` : value);
  const match = value.length > LONGEST_TEXT ? null : /^\s*(\d{1,15}(?:\.\d{1,9})?)\s*([a-z]*)\s*$/i.exec(value);
  if (!match) return { problem: `${shown} is not a duration; ${ACCEPTED}` };
  const [, amount, unit = ""] = match;
  if (unit === "") return { problem: `${shown} has no unit; ${ACCEPTED}` };
  const unitMs = UNIT_MS.get(unit.toLowerCase());
  if (unitMs === undefined) return { problem: `${shown} has a unit that is not known; known are ms, s, m, h, d and w` };
  const ms = Math.round(Number(amount) * unitMs);
  if (ms < 1) return { problem: `${shown} is too short; the shortest is 1ms` };
  return ms > LONGEST_DURATION_MS ? { problem: `${shown} is too long; the longest is 3650 days` } : ms;
}

const PRINTED = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** For people: `450ms`, `1.5s`, `2m 5s`, `3h 20m`, `2d 4h`: at most the two largest units, rounded down. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return "?";
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 1_000) return `${Math.floor(ms)}ms`;
  if (ms < 60_000) return `${Math.floor(ms / 100) / 10}s`;
  const first = PRINTED.findIndex(([, size]) => ms >= size);
  const parts: string[] = [];
  let rest = ms;
  for (const [name, size] of PRINTED.slice(first, first + 2)) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)}${name}`);
    rest %= size;
  }
  return parts.join(" ");
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000, sec: 1_000, second: 1_000, seconds: 1_000,
  m: 60_000, min: 60_000, minute: 60_000, minutes: 60_000,
  h: 3_600_000, hour: 3_600_000, hours: 3_600_000,
  d: 86_400_000, day: 86_400_000, days: 86_400_000,
  w: 604_800_000, week: 604_800_000, weeks: 604_800_000,
};

/** Ten years: longer is a mistake. */
const LONGEST_MS = 3_650 * 86_400_000;

/** Reads `30s`, `15m`, `1.5h`, `7 days` into milliseconds, more than 0 and at most ten years. */
export function parseDuration(value: unknown): number | { readonly problem: string } {
  const problem = `${JSON.stringify(value)?.slice(0, 60) ?? value} is not a duration; write it like "30s", "15m", "2h" or "7 days"`;
  if (typeof value !== "string") return { problem };
  const match = /^\s*(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]+)\s*$/i.exec(value);
  const unit = UNIT_MS[(match?.[2] ?? "").toLowerCase()];
  if (!match || unit === undefined) return { problem };
  const ms = Math.round(Number(match[1]) * unit);
  if (ms <= 0) return { problem: `${JSON.stringify(value)} must be more than nothing` };
  return ms > LONGEST_MS ? { problem: `${JSON.stringify(value)} is more than ten years` } : ms;
}

/** `1.5s`, `2m 5s`, `3h 20m`, `2d 4h`: the two largest units. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${Math.round(ms / 100) / 10}s`;
  const units = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1_000]] as const;
  const first = units.findIndex(([, size]) => ms >= size);
  const [name, size] = units[first] ?? units[3];
  const [nextName, nextSize] = units[first + 1] ?? units[3];
  const rest = Math.floor((ms % size) / nextSize);
  return `${Math.floor(ms / size)}${name}${rest > 0 ? ` ${rest}${nextName}` : ""}`;
}

import { epochMs, isoTime } from "./instant.js";

/** How long an account's limit holds: for each day or month by UTC, or for good. */
export const PERIODS = ["day", "month", "total"] as const;

export type PeriodKind = (typeof PERIODS)[number];

/** A period by its name, which sorts as text: `2026-11-25`, `2026-11`, `total`. */
export type PeriodName = string;

const DAY_MS = 86_400_000;

/** The period that a time (epoch milliseconds) is in. Days and months begin at midnight UTC. */
export function periodAt(kind: PeriodKind, ms: number): PeriodName {
  if (kind === "total") return "total";
  return isoTime(ms).slice(0, kind === "day" ? "2026-11-25".length : "2026-11".length);
}

/** When a period is over, in epoch milliseconds; undefined for `total`, which never is. */
export function periodEndMs(kind: PeriodKind, name: PeriodName): number | undefined {
  if (kind === "total") return undefined;
  if (kind === "day") return epochMs(`${name}T00:00:00.000Z`) + DAY_MS;
  const [year = 0, month = 0] = name.split("-").map(Number);
  const next = month === 12 ? `${year + 1}-01` : `${year}-${String(month + 1).padStart(2, "0")}`;
  return epochMs(`${next.padStart(7, "0")}-01T00:00:00.000Z`);
}

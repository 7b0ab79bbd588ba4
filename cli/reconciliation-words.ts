import { formatUsd, toNanoUsd } from "../core/money.js";
import type { Explained, Reconciliation } from "../core/reconcile.js";
import { table } from "./output.js";
import { grouped } from "./run-progress.js";

/** What became of an attempt that the list explains. */
export interface Booking extends Explained {
  /**
   * `booked`: the run has it on its books now · `not awaited`: the run goes on, and no longer waits for what became of it ·
   * `corrected`: the run has ended, and an event corrects what its events tell · `unreachable`: no worker answers ·
   * `no price`: the run has ended, and neither list nor catalogue says what it cost
   */
  readonly outcome: "booked" | "not awaited" | "corrected" | "unreachable" | "no price" | "not booked (dry run)";
}

/** What a provider's list and the books say, for people: totals first, then each kind of difference. */
export function reconciliationWords(found: Reconciliation, bookings: readonly Booking[]): string {
  const { matched, drifts, missingHere, missingThere, open, contradictions } = found;
  const parts = [
    [
      `${matched} requests match, ${drifts.length} of them with other figures`,
      `${missingHere.length} are on the provider's list alone, ${missingThere.length} on our books alone`,
      `${bookings.length} unconfirmed attempts are explained, ${open.length} stay open`,
    ].join("\n"),
    section(
      "other figures (theirs less ours)",
      ["RUN", "ATTEMPT", "REQUEST", "INPUT", "OUTPUT", "COST"],
      drifts,
      (drift) => [
        drift.ours.workflowId,
        drift.ours.attempt,
        drift.theirs.requestId,
        signed(drift.inputTokens, grouped),
        signed(drift.outputTokens, grouped),
        drift.nanoUsd === null ? undefined : signed(drift.nanoUsd, dollars),
      ],
    ),
    section("on the provider's list alone", ["LINE", "REQUEST", "MODEL", "INPUT", "OUTPUT"], missingHere, (one) => [
      one.line,
      one.requestId,
      one.model,
      grouped(one.usage.inputTokens),
      grouped(one.usage.outputTokens),
    ]),
    section("on our books alone", ["RUN", "ATTEMPT", "REQUEST", "MODEL", "COST"], missingThere, (one) => [
      one.workflowId,
      one.attempt,
      one.requestId,
      one.model,
      dollars(one.confirmedNanoUsd),
    ]),
    section("explained", ["RUN", "ATTEMPT", "WAS HELD", "THE LIST SAYS", "OUTCOME"], bookings, (one) => [
      one.ours.workflowId,
      one.ours.attempt,
      dollars(one.ours.unconfirmedNanoUsd),
      one.theirs ? `${one.theirs.requestId ?? `line ${one.theirs.line}`}: billed` : "not billed",
      one.outcome,
    ]),
    section("unconfirmed still", ["RUN", "ATTEMPT", "MODEL", "HELD"], open, (one) => [
      one.workflowId,
      one.attempt,
      one.model,
      dollars(one.unconfirmedNanoUsd),
    ]),
    section("lines that contradict an earlier one of the same request", ["LINE", "REQUEST"], contradictions, (one) => [
      one.line,
      one.requestId,
    ]),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function section<T>(
  title: string,
  head: readonly string[],
  rows: readonly T[],
  cells: (row: T) => readonly (string | number | undefined)[],
): string {
  return rows.length === 0 ? "" : `${title}:\n${table(head, rows.map(cells))}`;
}

function signed(value: number, words: (value: number) => string): string {
  return value === 0 ? "0" : `${value > 0 ? "+" : "−"}${words(Math.abs(value))}`;
}

function dollars(nanoUsd: number): string {
  return `$${formatUsd(toNanoUsd(nanoUsd))}`;
}

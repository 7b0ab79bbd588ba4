import type { LedgerEntry } from "../core/ledger.js";
import { formatUsd, toNanoUsd } from "../core/money.js";
import type { EventReader } from "../ports/event-log.js";
import { table } from "./output.js";
import { grouped } from "./run-progress.js";

/** A run keeps so many lines of its books; its events have what went before. */
const KEPT_BY_RUN = 50;

interface CalledEvent {
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly subject: string;
  readonly data: {
    readonly model?: string;
    readonly tool?: string;
    readonly turn?: number | null;
    readonly attempt?: number | null;
    readonly callId?: string;
    readonly outcome?: string;
    readonly nanoUsd?: number;
    readonly unconfirmedNanoUsd?: number;
    readonly requestId?: string;
    readonly usage?: LedgerEntry["usage"];
  };
}

/**
 * A run's books, oldest line first: what it keeps itself, and before that the bookings that its events tell of (these do not
 * have reservations, nor what was released).
 */
export async function wholeLedger(
  workflowId: string,
  entries: readonly LedgerEntry[],
  events: () => AsyncIterable<{ readonly value: string }>,
): Promise<readonly LedgerEntry[]> {
  const [first] = entries;
  if (!first || entries.length < KEPT_BY_RUN) return entries;
  const earlier = new Map<string, LedgerEntry>();
  for await (const { value } of events()) {
    const event = JSON.parse(value) as CalledEvent;
    const isBooking = event.type === "wflo.model.called" || event.type === "wflo.tool.called";
    if (!isBooking || event.subject !== workflowId || event.time >= first.at) continue;
    const line = lineOf(event);
    if (line) earlier.set(event.id, line);
  }
  return [...[...earlier.values()].sort((a, b) => a.at.localeCompare(b.at)), ...entries];
}

/** The event log of a session, for {@link wholeLedger}. */
export function eventsOf(log: EventReader, topic: string) {
  return () => log.read(topic);
}

function lineOf({ type, time, data }: CalledEvent): LedgerEntry | undefined {
  const { nanoUsd, unconfirmedNanoUsd = 0, outcome, requestId, usage } = data;
  if (nanoUsd === undefined) return undefined;
  const isLate = unconfirmedNanoUsd < 0;
  const kind = isLate ? "confirmed" : unconfirmedNanoUsd > 0 ? "unconfirmed" : "settled";
  const model = type === "wflo.tool.called" ? `tool/${data.tool}` : data.model;
  const attempt = data.callId ?? (data.attempt == null ? undefined : `t${data.turn}.a${data.attempt}`);
  return {
    at: time,
    kind,
    nanoUsd: toNanoUsd(kind === "unconfirmed" ? unconfirmedNanoUsd : nanoUsd),
    ...(attempt === undefined ? {} : { attempt }),
    ...(model === undefined ? {} : { model }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(usage === undefined ? {} : { usage }),
    ...(outcome === undefined || outcome === "ok" ? {} : { reason: outcome }),
  };
}

/** The books as a table. */
export function ledgerTable(entries: readonly LedgerEntry[]): string {
  if (entries.length === 0) return "";
  return table(
    ["AT", "BOOKED", "AMOUNT", "ATTEMPT", "MODEL", "TOKENS", "REQUEST OR REASON"],
    entries.map(({ at, kind, nanoUsd, attempt, model, usage, requestId, by, reason }) => [
      at,
      kind,
      `$${formatUsd(nanoUsd)}`,
      attempt,
      model,
      usage && `${grouped(usage.inputTokens)} in, ${grouped(usage.outputTokens)} out`,
      requestId ?? [by, reason].filter((word) => word !== undefined).join(": "),
    ]),
  );
}

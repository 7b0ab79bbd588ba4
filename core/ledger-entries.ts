import type { NanoUsd } from "./money.js";
import { type Usage, usageFromAbove } from "./usage.js";

/** One line of a run's books; the last 50 are kept. */
export interface LedgerEntry {
  readonly at: string;
  readonly kind: "reserved" | "settled" | "unconfirmed" | "confirmed" | "released" | "terms" | "child";
  readonly nanoUsd: NanoUsd;
  readonly attempt?: string;
  readonly model?: string;
  readonly usage?: Usage;
  /** By which prices the amount was computed. */
  readonly priceBook?: string;
  /** The model had no price: the amount, nothing, says nothing of the bill. */
  readonly unpriced?: boolean;
  /** The provider's id of the request, for reconciliation. */
  readonly requestId?: string;
  readonly by?: string;
  readonly reason?: string;
}

/** A line as it is written: what is not known may be undefined. */
export type NewEntry = { readonly [K in keyof LedgerEntry]: LedgerEntry[K] | undefined } & Pick<
  LedgerEntry,
  "at" | "kind" | "nanoUsd"
>;

const ENTRIES_KEPT = 50;

/** Texts come from people and providers: the books keep so many characters of each (events and audit have them in full). */
const CHARACTERS_KEPT = 200;

/** The books with one more line; the oldest goes where there are too many. */
export function withEntry(entries: readonly LedgerEntry[], entry: NewEntry): readonly LedgerEntry[] {
  const { at, kind, nanoUsd, usage } = entry;
  const line: LedgerEntry = {
    at,
    kind,
    nanoUsd,
    ...text("attempt", entry.attempt),
    ...text("model", entry.model),
    ...text("priceBook", entry.priceBook),
    ...(entry.unpriced ? { unpriced: true } : {}),
    ...text("requestId", entry.requestId),
    ...text("by", entry.by),
    ...text("reason", entry.reason),
    ...(usage ? { usage: usageFromAbove(usage) } : {}),
  };
  return [...entries.slice(1 - ENTRIES_KEPT), line];
}

/** The end of a long text: where a path, an id or a name differs from others. */
export function shortened(long: string): string {
  return long.length <= CHARACTERS_KEPT ? long : `…${long.slice(1 - CHARACTERS_KEPT)}`;
}

function text<K extends string>(name: K, value: string | undefined): { readonly [key in K]?: string } {
  return (value === undefined ? {} : { [name]: shortened(value) }) as { readonly [key in K]?: string };
}

import { createHash } from "node:crypto";
import type { Json } from "../core/json.js";
import type { ObjectStore } from "../ports/object-store.js";

/** What a caller finds when it begins. */
export type Begun =
  /** Somebody has the answer: nothing is to be bought. */
  | { readonly kind: "answered"; readonly attempt: number; readonly answer: Json }
  /** A predecessor is at it: wait with `join`. */
  | { readonly kind: "live"; readonly by: number }
  /** Buy. `attempts` have begun so far, this one included. */
  | { readonly kind: "go"; readonly attempts: number };

/** An answer, and the attempt that bought it. */
export interface JournalledAnswer {
  readonly attempt: number;
  readonly answer: Json;
}

/**
 * Who is buying which answer, and what came of it: an answer that has arrived is never bought again, and nobody buys
 * beside a live predecessor. Attempts are numbered; a later one fences the earlier ones, whose answers are still kept.
 *
 * Leases are wall-clock times: workers' clocks have to agree within the lease. A process that stalls for longer than its
 * lease is taken for dead, and both may buy: the ledger has a reservation for each.
 */
export interface CallJournal {
  begin(key: string, attempt: number): Promise<Begun>;
  /** Waits for a live predecessor: its answer, or undefined when it is dead or the signal aborts. */
  join(key: string, signal: AbortSignal): Promise<Json | undefined>;
  /** Renews the lease of the attempt that was told to go. */
  alive(key: string, attempt: number): Promise<void>;
  /** Keeps an answer. `stored` is false where another attempt's answer was there first; `winner` is the one that counts. */
  answer(key: string, attempt: number, answer: Json): Promise<{ readonly stored: boolean; readonly winner: Json }>;
  /** This attempt is over without an answer: a successor need not wait. */
  ended(key: string, attempt: number, why: string): Promise<void>;
  /** Every answer that any attempt brought, late ones too. */
  lateAnswers(key: string): Promise<readonly JournalledAnswer[]>;
}

/** A started attempt; `slot` counts starts, so that of two racers one gets the next. */
interface Start {
  readonly attempt: number;
  readonly untilMs: number;
}

const JOIN_POLL_MS = 100;

export function createCallJournal(
  store: ObjectStore,
  { leaseMs = 2_000, now = Date.now }: { readonly leaseMs?: number; readonly now?: () => number } = {},
): CallJournal {
  const read = async <T>(name: string): Promise<T | undefined> => {
    const bytes = await store.get(name);
    return bytes && (JSON.parse(Buffer.from(bytes).toString("utf8")) as T);
  };
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value));
  const slotsByAttempt = new Map<string, number>();
  const answerOf = async (key: string) => await read<JournalledAnswer>(`${folderOf(key)}answer`);
  const isLive = async (key: string, slot: number, start: Start) => {
    if (await read(`${folderOf(key)}ended-${slot}`)) return false;
    if (start.untilMs > now()) return true;
    const renewed = await read<Start>(`${folderOf(key)}alive-${slot}`);
    return renewed !== undefined && renewed.untilMs > now();
  };
  /** The newest start, by its slot. */
  const newest = async (key: string, from: number): Promise<{ slot: number; start: Start } | undefined> => {
    let found: { slot: number; start: Start } | undefined;
    for (let slot = from; ; slot += 1) {
      const start = await read<Start>(`${folderOf(key)}start-${slot}`);
      if (!start) return found;
      found = { slot, start };
    }
  };
  return {
    async begin(key, attempt) {
      const answered = await answerOf(key);
      if (answered) return { kind: "answered", ...answered };
      for (let slot = 1; ; slot += 1) {
        const start: Start = { attempt, untilMs: now() + leaseMs };
        if (await store.putIfAbsent(`${folderOf(key)}start-${slot}`, encode(start))) {
          // A predecessor that was taken for dead may have answered between the first look and this start.
          const late = slot > 1 ? await answerOf(key) : undefined;
          if (late) return { kind: "answered", ...late };
          slotsByAttempt.set(`${key} ${attempt}`, slot);
          return { kind: "go", attempts: slot };
        }
        const last = await newest(key, slot);
        if (!last) continue;
        if (await isLive(key, last.slot, last.start)) return { kind: "live", by: last.start.attempt };
        slot = last.slot;
      }
    },
    async join(key, signal) {
      while (!signal.aborted) {
        const answered = await answerOf(key);
        if (answered) return answered.answer;
        const last = await newest(key, 1);
        if (!last || !(await isLive(key, last.slot, last.start))) return (await answerOf(key))?.answer;
        await pause(JOIN_POLL_MS, signal);
      }
      return undefined;
    },
    async alive(key, attempt) {
      const slot = slotsByAttempt.get(`${key} ${attempt}`);
      if (slot === undefined) return;
      await store.put(`${folderOf(key)}alive-${slot}`, encode({ attempt, untilMs: now() + leaseMs }));
    },
    async answer(key, attempt, answer) {
      slotsByAttempt.delete(`${key} ${attempt}`);
      const kept: JournalledAnswer = { attempt, answer };
      if (await store.putIfAbsent(`${folderOf(key)}answer`, encode(kept))) return { stored: true, winner: answer };
      const winner = (await answerOf(key)) ?? kept;
      // The same attempt may ask again when it did not hear that its first write went through.
      if (winner.attempt === attempt) return { stored: true, winner: winner.answer };
      await store.putIfAbsent(`${folderOf(key)}late-${attempt}`, encode(kept));
      return { stored: false, winner: winner.answer };
    },
    async ended(key, attempt, why) {
      const slot = slotsByAttempt.get(`${key} ${attempt}`);
      if (slot === undefined) return;
      slotsByAttempt.delete(`${key} ${attempt}`);
      await store.put(`${folderOf(key)}ended-${slot}`, encode({ attempt, why }));
    },
    async lateAnswers(key) {
      const names = (await store.list(folderOf(key))).filter((name) => /\/(answer|late-\d+)$/.test(name));
      const found = await Promise.all(names.map(async (name) => await read<JournalledAnswer>(name)));
      return found.filter((one) => one !== undefined);
    },
  };
}

/** Keys hold any characters; their digest makes a folder's name. */
function folderOf(key: string): string {
  const hex = createHash("sha256").update(key).digest("hex");
  return `journal/${hex.slice(0, 2)}/${hex.slice(2, 42)}/`;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}

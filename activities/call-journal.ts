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
  /**
   * Keeps an answer. `stored` is false where another attempt's answer was there first; `winner` is the one that counts.
   * What is `passing` survives every crash but a power cut, after which it is done again.
   */
  answer(
    key: string,
    attempt: number,
    answer: Json,
    options?: { readonly passing?: boolean },
  ): Promise<{ readonly stored: boolean; readonly winner: Json }>;
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

/** An answer as it is stored. The slot tells two purchases of one attempt apart (a run that was reset counts anew). */
interface StoredAnswer extends JournalledAnswer {
  readonly slot?: number;
}

export interface CallJournalOptions {
  /** So long a start, or a renewal, counts as a sign of life, in milliseconds. @default 2_000 */
  readonly leaseMs?: number;
  /** The wall clock, in milliseconds. */
  readonly now?: () => number;
  /** Waits between two looks of `join`; ends early when the signal aborts. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const JOIN_POLL_MS = 100;

/** Who lives is known by signs of life; after a power cut nobody does. Answers are another matter: they were paid for. */
const PASSING = { passing: true };

/** What a power cut may leave of a start: whose it was is not known, but it is over. */
const LOST_START: Start = { attempt: 0, untilMs: 0 };

export function createCallJournal(
  store: ObjectStore,
  { leaseMs = 2_000, now = Date.now, pause = timer }: CallJournalOptions = {},
): CallJournal {
  const read = async <T>(name: string, lost?: T): Promise<T | undefined> => {
    const bytes = await store.get(name);
    return bytes && bytes.length > 0 ? (JSON.parse(Buffer.from(bytes).toString("utf8")) as T) : bytes && lost;
  };
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value));
  const slotsByAttempt = new Map<string, number>();
  const startOf = async (key: string, slot: number) => await read<Start>(`${nameOf(key)}.start-${slot}`, LOST_START);
  const answerOf = async (key: string) => await read<StoredAnswer>(`${nameOf(key)}.answer`);
  /** Renewed meanwhile is alive: leases are compared with the time before they were read, however long that took. */
  const isLive = async (key: string, { slot, start }: Started) => {
    const lookedAt = now();
    if ((await store.get(`${nameOf(key)}.ended-${slot}`)) !== undefined) return false;
    if (start.untilMs > lookedAt) return true;
    const renewed = await read<Start>(`${nameOf(key)}.alive-${slot}`);
    return renewed !== undefined && renewed.untilMs > lookedAt;
  };
  const lease = (attempt: number): Start => ({ attempt, untilMs: now() + leaseMs });
  const renew = async (key: string, attempt: number, slot: number) =>
    await store.put(`${nameOf(key)}.alive-${slot}`, encode(lease(attempt)), PASSING);
  /** Starts in this slot: false where somebody else has, or is already beyond it. */
  const took = async (key: string, attempt: number, slot: number) => {
    const start = lease(attempt);
    if (!(await store.putIfAbsent(`${nameOf(key)}.start-${slot}`, encode(start), PASSING))) return false;
    if (start.untilMs > now()) return true;
    // The store took longer than the lease, so this start may be taken for dead: show that it lives, and look only then.
    await renew(key, attempt, slot);
    return (await startOf(key, slot + 1)) === undefined;
  };
  return {
    async begin(key, attempt) {
      // Side by side, as most calls are the first: where nobody has started, nobody can be answering in between.
      const [answered, isFirst] = await Promise.all([answerOf(key), took(key, attempt, 1)]);
      if (answered) return { kind: "answered", ...withoutSlot(answered) };
      for (let slot = 1; ; slot += 1) {
        if (slot === 1 ? isFirst : await took(key, attempt, slot)) {
          // A predecessor that was taken for dead may have answered between the first look and this start.
          const late = slot > 1 ? await answerOf(key) : undefined;
          if (late) return { kind: "answered", ...withoutSlot(late) };
          slotsByAttempt.set(`${key} ${attempt}`, slot);
          return { kind: "go", attempts: slot };
        }
        const last = await newest(slot, async (at) => await startOf(key, at));
        if (!last) continue;
        if (await isLive(key, last)) return { kind: "live", by: last.start.attempt };
        slot = last.slot;
      }
    },
    async join(key, signal) {
      for (let slot = 1; !signal.aborted; ) {
        const answered = await answerOf(key);
        if (answered) return answered.answer;
        const last = await newest(slot, async (at) => await startOf(key, at));
        if (!last || !(await isLive(key, last))) return (await answerOf(key))?.answer;
        slot = last.slot;
        await pause(JOIN_POLL_MS, signal);
      }
      return undefined;
    },
    async alive(key, attempt) {
      const slot = slotsByAttempt.get(`${key} ${attempt}`);
      if (slot !== undefined) await renew(key, attempt, slot);
    },
    async answer(key, attempt, answer, options = {}) {
      const slot = slotsByAttempt.get(`${key} ${attempt}`);
      const kept: StoredAnswer = { attempt, answer, ...(slot === undefined ? {} : { slot }) };
      const isFirst = await store.putIfAbsent(`${nameOf(key)}.answer`, encode(kept), options);
      const winner = isFirst ? kept : ((await answerOf(key)) ?? kept);
      // Who did not hear that the first write went through asks again.
      const isSame = winner.attempt === attempt && (slot === undefined || winner.slot === slot);
      const isWinner = isFirst || isSame;
      if (!isWinner) await store.putIfAbsent(`${nameOf(key)}/late-${slot ?? `of-${attempt}`}`, encode(kept), options);
      // Only now: while the store is away and this is tried again, the lease has to be renewed.
      slotsByAttempt.delete(`${key} ${attempt}`);
      return { stored: isWinner, winner: winner.answer };
    },
    async ended(key, attempt, why) {
      const slot = slotsByAttempt.get(`${key} ${attempt}`);
      if (slot === undefined) return;
      slotsByAttempt.delete(`${key} ${attempt}`);
      await store.put(`${nameOf(key)}.ended-${slot}`, encode({ attempt, why }), PASSING);
    },
    async lateAnswers(key) {
      const names = [`${nameOf(key)}.answer`, ...(await store.list(`${nameOf(key)}/`))];
      const found = await Promise.all(names.map(async (name) => await read<StoredAnswer>(name)));
      return found.filter((one) => one !== undefined).map(withoutSlot);
    },
  };
}

interface Started {
  readonly slot: number;
  readonly start: Start;
}

/**
 * The newest start from a slot on. Slots are taken one after the other, so it is found by doubling and halving: a provider
 * that is away for a day leaves a thousand starts.
 */
async function newest(
  from: number,
  startAt: (slot: number) => Promise<Start | undefined>,
): Promise<Started | undefined> {
  const first = await startAt(from);
  if (!first) return undefined;
  let found: Started = { slot: from, start: first };
  let step = 1;
  for (let isDoubling = true; step >= 1; ) {
    const slot = found.slot + step;
    const start = await startAt(slot);
    if (start) found = { slot, start };
    else isDoubling = false;
    step = isDoubling ? step * 2 : Math.floor(step / 2);
  }
  return found;
}

function withoutSlot({ attempt, answer }: StoredAnswer): JournalledAnswer {
  return { attempt, answer };
}

/**
 * Keys hold any characters; their digest makes a name. What every call has is beside that of others (a folder each would
 * double what a file system has to do); what few have, late answers, is in a folder below.
 */
function nameOf(key: string): string {
  const hex = createHash("sha256").update(key).digest("hex");
  return `journal/${hex.slice(0, 2)}/${hex.slice(2, 42)}`;
}

async function timer(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timeout = setTimeout(done, ms);
    function done() {
      clearTimeout(timeout);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}

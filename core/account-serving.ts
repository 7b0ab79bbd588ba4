import {
  type AccountBooks,
  everCommitted,
  everSpent,
  freeOf,
  granted,
  holderOf,
  leasedOf,
  withHolder,
} from "./account.js";
import { type Holder, leasedNow } from "./holder.js";
import { type HolderTotals, type Lease, type LeaseAnswer, leaseRoom } from "./lease.js";
import { addUsdToMost, type NanoUsd, subtractUsdToZero, ZERO_USD } from "./money.js";

/** What holders are to be told, by lease. */
export type Tidings = ReadonlyMap<string, "granted" | "short" | "wait" | "called back">;

/** What came of looking at everyone who waits for money. */
export interface Served {
  readonly books: AccountBooks;
  readonly tidings: Tidings;
  /** Somebody waits for money that others have. */
  readonly tight: boolean;
  /** What the lease of the account above has to leave room for, for one of those who wait and for all; undefined: it does. */
  readonly wantedAbove: WantedAbove | undefined;
}

interface WantedAbove {
  readonly leastNanoUsd: NanoUsd;
  readonly mostNanoUsd: NanoUsd;
}

/** A grant is a share of what is left, so that a holder asks seldom and others find something too. */
const SHARES = 8;

/**
 * Serves those who wait: first who has spent already (a run that nobody lets end was paid for nothing), of these the one that
 * waits longest. Who cannot be served now waits where money may come back from other holders
 * (they are then called on to give back what is idle), and is told `short` where it cannot.
 * @param above the account's own lease of the account above it
 */
export function serve(start: AccountBooks, above: Lease | null): Served {
  const serving: Serving = { books: start, tidings: new Map(), starving: false, wantedAbove: undefined };
  const isFrozen = start.frozen || above?.frozen === true;
  const waiting = Object.values(start.holders)
    .filter(({ ask }) => ask !== null)
    .sort(
      (a, b) => Number(b.spentNanoUsd > 0) - Number(a.spentNanoUsd > 0) || (a.ask?.place ?? 0) - (b.ask?.place ?? 0),
    );
  for (const holder of waiting) {
    if (isFrozen) put(serving, holder, "wait");
    else serveOne(serving, holder, above);
  }
  if (serving.starving || above?.tight) callBack(serving);
  const { books, tidings, wantedAbove } = serving;
  const tight = serving.starving || above?.tight === true;
  return { books, tidings, tight, wantedAbove };
}

/** What an account is to the one above. */
export function totalsOf(books: AccountBooks): HolderTotals {
  return {
    spentNanoUsd: everSpent(books),
    committedNanoUsd: everCommitted(books),
    earlierNanoUsd: books.earlierAboveNanoUsd,
  };
}

/** The account's word to a holder, and the books that remember that it was said. */
export function answerTo(
  books: AccountBooks,
  leaseId: string,
  { above, short, tight }: { readonly above: Lease | null; readonly short: boolean; readonly tight: boolean },
): { readonly books: AccountBooks; readonly answer: LeaseAnswer } | undefined {
  const holder = holderOf(books, leaseId);
  if (!holder) return undefined;
  const version = books.version + 1;
  const answer: LeaseAnswer = {
    account: books.account,
    leaseId,
    answers: holder.seq,
    version,
    capNanoUsd: holder.capNanoUsd,
    period: books.period,
    frozen: books.frozen || above?.frozen === true,
    tight,
    ...(short ? { short: true as const } : {}),
  };
  return { books: { ...withHolder(books, { ...holder, calledBack: tight }), version }, answer };
}

interface Serving {
  books: AccountBooks;
  readonly tidings: Map<string, "granted" | "short" | "wait" | "called back">;
  /** Somebody waits for money that may come back: nobody behind is served before. */
  starving: boolean;
  wantedAbove: WantedAbove | undefined;
}

function serveOne(serving: Serving, holder: Holder, above: Lease | null): void {
  const { ask } = holder;
  if (!ask) return;
  const { books } = serving;
  const need = subtractUsdToZero(ask.leastNanoUsd, holder.capNanoUsd);
  const own = freeOf(books);
  const room = above ? leaseRoom(above, totalsOf(books)) : own;
  const free = Math.min(own, room) as NanoUsd;
  if (!serving.starving && need <= free) {
    const most = subtractUsdToZero(ask.mostNanoUsd, holder.capNanoUsd);
    const share = Math.floor(free / (SHARES + Object.keys(books.holders).length)) as NanoUsd;
    serving.books = granted(books, holder.leaseId, Math.max(need, Math.min(share, most)) as NanoUsd);
    serving.tidings.set(holder.leaseId, "granted");
    return;
  }
  const backFromOthers = subtractUsdToZero(leasedOf(books), leasedNow(holder));
  const mayCome = need <= addUsdToMost(own, backFromOthers);
  const lacksAbove = above !== null && need > room;
  const mayComeAbove = !lacksAbove || above.answered !== "short" || need <= addUsdToMost(room, backFromOthers);
  if (mayCome && lacksAbove) {
    const { leastNanoUsd = need, mostNanoUsd = ZERO_USD } = serving.wantedAbove ?? {};
    serving.wantedAbove = { leastNanoUsd, mostNanoUsd: addUsdToMost(mostNanoUsd, need) };
  }
  if (mayCome && mayComeAbove) serving.starving = true;
  else put(serving, holder, "short");
}

/** There is nothing for it now; said once for each time that it asks. */
function put(serving: Serving, holder: Holder, word: "short" | "wait"): void {
  const { ask } = holder;
  if (!ask) return;
  if (!ask.told) serving.tidings.set(holder.leaseId, word);
  const stays = word === "wait" || ask.waits;
  if (stays && ask.told) return;
  serving.books = withHolder(serving.books, { ...holder, ask: stays ? { ...ask, told: true } : null });
}

/** Everyone who has more than it has spent is called on to give back what is idle; it goes on so until it is told otherwise. */
function callBack(serving: Serving): void {
  for (const holder of Object.values(serving.books.holders)) {
    const isTold = holder.calledBack || serving.tidings.has(holder.leaseId);
    if (!isTold && leasedNow(holder) > 0) serving.tidings.set(holder.leaseId, "called back");
  }
}

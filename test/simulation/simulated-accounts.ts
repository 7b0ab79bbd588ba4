import {
  type AccountBooks,
  freeOf,
  leasedOf,
  openAccount,
  reclaim,
  report,
  roll,
  rollAbove,
  setAccountLimit,
  setFrozen,
  spentOf,
} from "../../core/account.js";
import { answerTo, type Served, serve, totalsOf } from "../../core/account-serving.js";
import {
  askFor,
  endLease,
  giveBackIdle,
  type HolderTotals,
  hear,
  type Lease,
  type LeaseAnswer,
  type LeaseReport,
  leaseRoom,
  openLease,
  reportOf,
  restate,
  shed,
  taken,
} from "../../core/lease.js";
import type { NanoUsd } from "../../core/money.js";
import type { Random } from "./random.js";

/** What a message says, to whom; a network may hold it up and change the order. */
type Post =
  | { readonly to: "account"; readonly account: SimulatedAccount; readonly report: LeaseReport }
  | { readonly to: "holder"; readonly leaseId: string; readonly answer: LeaseAnswer };

/** Messages that are on their way, in no order. */
export class Network {
  private readonly posts: Post[] = [];
  private readonly holders = new Map<string, { hear(answer: LeaseAnswer): void }>();

  register(leaseId: string, holder: { hear(answer: LeaseAnswer): void }): void {
    this.holders.set(leaseId, holder);
  }
  send(post: Post): void {
    this.posts.push(post);
  }
  get waiting(): number {
    return this.posts.length;
  }
  /** Delivers one message, whichever; now and then twice, as nothing that is sent may be counted twice. */
  deliver(random: Random, nowMs: number): void {
    const [post] = this.posts.splice(random.int(0, this.posts.length - 1), 1);
    if (!post) return;
    if (random.percent(5)) this.posts.push(post);
    if (post.to === "account") post.account.hearReport(post.report, nowMs);
    else this.holders.get(post.leaseId)?.hear(post.answer);
  }
}

/** An account as its workflow has it, over the pure books. */
export class SimulatedAccount {
  books: AccountBooks;
  lease: Lease | null;
  readonly name: string;
  private readonly network: Network;
  private readonly parent: SimulatedAccount | null;
  constructor(
    name: string,
    limit: number,
    network: Network,
    parent: SimulatedAccount | null,
    kind: "day" | "total" = "total",
  ) {
    this.name = name;
    this.network = network;
    this.parent = parent;
    this.books = openAccount({ account: name, limitNanoUsd: limit as NanoUsd, kind, nowMs: 0 });
    this.lease = parent ? openLease(parent.name, `history-of-${name}`, 0 as NanoUsd) : null;
    if (this.lease) network.register(this.lease.leaseId, this);
  }

  hearReport(said: LeaseReport, nowMs: number): void {
    this.books = report(this.books, said, nowMs);
    this.look();
  }
  hear(answer: LeaseAnswer): void {
    if (!this.lease) return;
    const { frozen: wasFrozen, period } = this.lease;
    this.lease = hear(this.lease, answer);
    if (period !== "" && period !== this.lease.period) {
      this.books = rollAbove(this.books);
      this.tell(restate(this.lease));
    }
    this.look(wasFrozen !== this.lease.frozen ? Object.keys(this.books.holders) : []);
  }
  setLimit(limit: number): void {
    this.books = setAccountLimit(this.books, limit as NanoUsd);
    this.look();
  }
  freeze(frozen: boolean): void {
    this.books = setFrozen(this.books, frozen);
    this.look(Object.keys(this.books.holders));
  }
  roll(nowMs: number): void {
    const { period } = this.books;
    this.books = roll(this.books, nowMs);
    this.look(period === this.books.period ? [] : Object.keys(this.books.holders));
  }
  reclaim(leaseId: string, spent: number | undefined): void {
    this.books = reclaim(this.books, leaseId, spent as NanoUsd | undefined);
    this.look();
  }

  /** Spent and leased of this period. */
  get committed(): number {
    return spentOf(this.books) + leasedOf(this.books);
  }
  get free(): number {
    return freeOf(this.books);
  }

  private look(alsoTell: readonly string[] = []): void {
    const { books, tidings, tight, wantedAbove } = serve(this.books, this.lease);
    this.books = books;
    const told = new Set([...tidings.keys(), ...alsoTell]);
    for (const leaseId of told) {
      const said = answerTo(this.books, leaseId, { above: this.lease, tight, short: tidings.get(leaseId) === "short" });
      if (!said) continue;
      this.books = said.books;
      this.network.send({ to: "holder", leaseId, answer: said.answer });
    }
    this.tendLease(wantedAbove);
  }

  private tendLease(wanted: Served["wantedAbove"]): void {
    const { lease } = this;
    if (!lease || !this.parent) return;
    const totals = totalsOf(this.books);
    const isAsking = lease.ask !== null && lease.answered !== "granted";
    let next: Lease | undefined;
    if (wanted !== undefined && !isAsking) {
      next = askFor(lease, totals, { ...wanted, waits: true });
    } else if (wanted === undefined && lease.tight) next = giveBackIdle(lease, totals);
    if (next) this.tell(next);
  }

  private tell(next: Lease): void {
    this.lease = next;
    const holder = { workflowId: `budget:${this.name}`, runId: `history-of-${this.name}`, holds: "account" } as const;
    const said = reportOf(next, totalsOf(this.books), holder);
    if (this.parent) this.network.send({ to: "account", account: this.parent, report: said });
  }
}

/** A run that makes calls: it reserves within its lease, settles at less, asks, parks, ends or is killed. */
export class SimulatedHolder {
  lease: Lease;
  spent = 0;
  reserved = 0;
  /** Of what it has, begun in an earlier period than the lease's. */
  earlier = 0;
  state: "working" | "ended" | "killed" = "working";
  shortOf = false;
  readonly id: string;
  readonly account: SimulatedAccount;
  private readonly network: Network;
  private readonly callCost: number;
  private readonly waits: boolean;
  constructor(id: string, account: SimulatedAccount, network: Network, callCost: number, waits: boolean) {
    this.id = id;
    this.account = account;
    this.network = network;
    this.callCost = callCost;
    this.waits = waits;
    this.lease = openLease(account.name, `history-${id}`, 0 as NanoUsd);
    network.register(this.lease.leaseId, this);
  }

  /** One step of its life. */
  step(random: Random): void {
    if (this.state !== "working") return;
    const chance = random.int(1, 100);
    if (this.reserved > 0) this.settle(random);
    else if (chance <= 4) this.end();
    else if (chance <= 8) this.tell(giveBackIdle(this.lease, this.totals));
    else this.call(random);
  }

  kill(): void {
    if (this.state === "working") this.state = "killed";
  }
  /** What may be on its bill. */
  get charged(): number {
    return this.spent + this.reserved;
  }

  hear(answer: LeaseAnswer): void {
    if (this.state !== "working") return;
    const { period } = this.lease;
    this.lease = hear(this.lease, answer);
    if (this.lease.answered === "short" && !this.waits) this.shortOf = true;
    if (period !== "" && period !== this.lease.period) {
      this.earlier = this.charged;
      this.tell(restate(this.lease));
    }
    if (this.lease.tight) this.tell(giveBackIdle(this.lease, this.totals));
  }

  private get totals(): HolderTotals {
    return {
      spentNanoUsd: this.spent as NanoUsd,
      committedNanoUsd: this.charged as NanoUsd,
      earlierNanoUsd: this.earlier as NanoUsd,
    };
  }

  private call(random: Random): void {
    if (this.shortOf) {
      this.end();
      return;
    }
    const cost = random.int(1, this.callCost);
    if (leaseRoom(this.lease, this.totals) >= cost) {
      this.reserved = cost;
      this.lease = taken(this.lease);
      return;
    }
    const isAsking = this.lease.ask !== null && this.lease.answered !== "granted";
    if (isAsking) return;
    const ask = { leastNanoUsd: cost as NanoUsd, mostNanoUsd: (cost * 8) as NanoUsd, waits: this.waits };
    this.tell(askFor(this.lease, this.totals, ask));
  }

  private settle(random: Random): void {
    const isEarlier = this.earlier > this.spent;
    const cost = random.int(0, this.reserved);
    const freed = this.reserved - cost;
    this.spent += cost;
    this.reserved = 0;
    if (isEarlier && freed > 0) {
      this.earlier -= freed;
      this.tell(shed(this.lease, freed as NanoUsd));
    }
    if (this.lease.tight) this.tell(giveBackIdle(this.lease, this.totals));
  }

  private end(): void {
    this.tell(endLease(this.lease, this.totals));
    this.state = "ended";
  }

  private tell(next: Lease | undefined): void {
    if (!next) return;
    this.lease = next;
    const report = reportOf(next, this.totals, { workflowId: this.id, runId: `history-${this.id}`, holds: "run" });
    this.network.send({ to: "account", account: this.account, report });
  }
}
